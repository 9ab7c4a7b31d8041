"""What phones say about themselves, as they really say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench_arm.device.facts import SOCS, _zones, read_facts, read_state, soc_name, warnings
from bench_arm.device.phone import Phone
from bench_arm.emulated.daemon import Daemon
from bench_arm.emulated.profiles import get_profile, read_profiles
from slu.errors import ConfigError


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["", "kirin985", "kirin985"], "Kirin 985"),
        (["SM8650", "pineapple", "qcom"], "Snapdragon 8 Gen 3"),
        (["", "sdm660", "qcom"], "Snapdragon 660"),
        (["", "", "qcom", "", "", "", "SM8250"], "Snapdragon 865"),
        (["", "MT6762", "", "mt6765", "mt6765"], "Helio P22"),
        (["MT6989", "mt6989"], "Dimensity 9300"),
        (["", "universal9810", "samsungexynos9810"], "Exynos 9810"),
        (["s5e9945", "erd9945"], "Exynos 2400"),
        (["", "ums512", "ums512_1h10"], "Tiger T618"),
        (["", "kirin9000", "kirin9000"], "Kirin 9000"),
        (["", "brandnew", "x"], "brandnew"),
        (["", ""], "unknown"),
    ],
)
def test_soc_names(names: list[str], expected: str) -> None:
    assert soc_name(names) == expected


def test_the_table_of_socs() -> None:
    rows = [line.split("\t") for line in SOCS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    keys = [key for row in rows for key in row[0].split(",")]
    assert all(len(row) == 3 for row in rows) and len(rows) > 80
    assert len(keys) == len(set(keys)) and all(key == key.lower() and key for key in keys)


@pytest.mark.parametrize("name", sorted(read_profiles()))
def test_facts_of_the_profiles(name: str, emulate: Callable[..., Daemon], phone_of: Callable[..., Phone]) -> None:
    profile = get_profile(name)
    phone = phone_of(emulate(profile=name))
    facts, state = read_facts(phone), read_state(phone)
    assert (facts.model, facts.android, facts.emulated) == (profile.model, profile.android, name)
    assert facts.soc in {"Kirin 985", "Snapdragon 865", "Helio P22"}
    assert [core.max_khz for core in facts.cores] == [core.max_khz for core in profile.cores]
    clusters = {core.cluster for core in facts.cores}
    if name == "little":
        assert clusters == {"little"} and facts.mask("little") == "80" and facts.mask("any") == ""
        with pytest.raises(ConfigError, match="--cores big: Redmi 6 has no such cores; it has little"):
            facts.mask("big")
    else:
        assert clusters == {"little", "middle", "big"}
        assert [facts.mask(cluster) for cluster in ("little", "middle", "big")] == ["8", "40", "80"]
        assert "asimddp" in facts.instruction_sets
    assert (state.battery_percent, state.charging, state.screen_on, state.thermal_status) == (82, False, False, 0)
    assert state.celsius["battery"] == 28.5 and state.khz == state.limits_khz
    assert warnings(facts, [state]) == []


def test_warnings(emulate: Callable[..., Daemon], phone_of: Callable[..., Phone]) -> None:
    daemon = emulate()
    phone = phone_of(daemon)
    facts = read_facts(phone)
    clock = "/sys/devices/system/cpu/cpu7/cpufreq/scaling_max_freq"
    daemon.machine.write("/", clock, b"1200000\n")
    dumpsys: dict[str, Any] = {
        "battery": "  AC powered: false\n  USB powered: true\n  level: 9\n  temperature: 402\n",
        "power": "mWakefulness=Awake\n",
        "thermalservice": "Thermal Status: 2\n",
    }
    object.__setattr__(daemon.machine.profile, "dumpsys", lambda: dumpsys)
    found = warnings(facts, [read_state(phone)])
    assert [text.split(":")[0] for text in found] == [
        "throttled (cores 7)", "charging", "screen on", "battery below 20 %",
    ]  # fmt: skip


def test_temperatures_come_in_three_units() -> None:
    text = "".join(
        f"/sys/class/thermal/thermal_zone{i}/type:{name}\n/sys/class/thermal/thermal_zone{i}/temp:{value}\n"
        for i, (name, value) in enumerate({"soc": "41500", "battery": "285", "skin": "33", "broken": "-274000"}.items())
    )
    assert _zones(text) == {"soc": 41.5, "battery": 28.5, "skin": 33.0}
