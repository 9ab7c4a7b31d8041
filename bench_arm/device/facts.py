"""What a phone says about itself: model, Android, system on a chip, cores, and its state before and after a run."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench_arm.device.errors import AbiError
from bench_arm.device.phone import Phone
from slu.errors import ConfigError

SOCS = Path(__file__).with_name("socs.tsv")
SOC_PROPERTIES = (
    "ro.soc.model", "ro.mediatek.platform", "ro.hardware.chipname", "ro.board.platform", "ro.hardware",
    "ro.product.board",
)  # fmt: skip
ABI = "arm64-v8a"
PARTS = {
    0xD03: "Cortex-A53", 0xD04: "Cortex-A35", 0xD05: "Cortex-A55", 0xD07: "Cortex-A57", 0xD08: "Cortex-A72",
    0xD09: "Cortex-A73", 0xD0A: "Cortex-A75", 0xD0B: "Cortex-A76", 0xD0D: "Cortex-A77", 0xD40: "Cortex-A76",
    0xD41: "Cortex-A78", 0xD44: "Cortex-X1", 0xD46: "Cortex-A510", 0xD47: "Cortex-A710", 0xD48: "Cortex-X2",
    0xD4D: "Cortex-A715", 0xD4E: "Cortex-X3", 0xD80: "Cortex-A520", 0xD81: "Cortex-A720", 0xD82: "Cortex-X4",
}  # fmt: skip
"""ARM's numbers of the designs; HiSilicon gives its A76 the number 0xD40."""
CLUSTERS = ("little", "middle", "big")
FREQUENCY = re.compile(r"/cpu(\d+)/cpufreq/(\w+):(\d+)")
THROTTLED = 0.9
"""A core whose limit is below this share of its highest clock is throttled."""


@dataclass(frozen=True)
class Core:
    """One core; clocks in kHz, 0 when the phone does not tell. ``cluster``: of `CLUSTERS`."""

    number: int
    name: str
    max_khz: int
    cluster: str


@dataclass(frozen=True)
class Facts:
    """What does not change during a run. ``emulated``: the name of the profile, "" for a real phone."""

    serial: str
    model: str
    manufacturer: str
    android: str
    abi: str
    soc: str
    instruction_sets: tuple[str, ...]
    cores: tuple[Core, ...]
    emulated: str

    def as_json(self) -> dict[str, Any]:
        """These facts as an object of the file of results."""
        return {
            **asdict(self),
            "instruction_sets": list(self.instruction_sets),
            "cores": [asdict(c) for c in self.cores],
        }

    def mask(self, cluster: str) -> str:
        """The mask that taskset takes for the cores of a cluster, one of them: the last. "" for "any"."""
        if cluster == "any":
            return ""
        cores = [core for core in self.cores if core.cluster == cluster]
        if not cores:
            there = ", ".join(dict.fromkeys(core.cluster for core in self.cores))
            raise ConfigError(f"--cores {cluster}: {self.model} has no such cores; it has {there}")
        return f"{1 << cores[-1].number:x}"


@dataclass(frozen=True)
class State:
    """What changes: clocks in kHz by core, temperatures in °C by sensor, None for what the phone keeps to itself."""

    khz: dict[int, int]
    limits_khz: dict[int, int]
    celsius: dict[str, float]
    thermal_status: int | None
    battery_percent: int | None
    battery_celsius: float | None
    charging: bool | None
    screen_on: bool | None
    charge_uah: int | None
    voltage_mv: int | None

    def as_json(self) -> dict[str, Any]:
        """These facts as an object of the file of results."""
        return asdict(self)


def read_facts(phone: Phone) -> Facts:
    """Ask a phone who it is. Raises `AbiError` when it cannot run 64-bit ARM programs."""
    properties = dict(re.findall(r"^\[([^]]+)\]: \[([^]]*)\]", phone.run("getprop").text, re.M))
    abis = properties.get("ro.product.cpu.abilist", properties.get("ro.product.cpu.abi", "")).split(",")
    machine = phone.run("uname -m").text.strip()
    # A device without properties, such as adbd on a plain Linux, says only what its machine is.
    if properties and ABI not in abis:
        raise AbiError(
            f"{phone.label}: its programs are {', '.join(abis)}, the engine is built for {ABI}; use a 64-bit phone"
        )
    cpuinfo = phone.run("cat /proc/cpuinfo").text
    hardware = re.search(r"^Hardware\s*:\s*(.+)$", cpuinfo, re.M)
    names = [properties.get(name, "") for name in SOC_PROPERTIES]
    features = re.search(r"^(?:Features|flags)\s*:\s*(.+)$", cpuinfo, re.M)
    return Facts(
        serial=phone.label,
        model=properties.get("ro.product.model", "unknown"),
        manufacturer=properties.get("ro.product.manufacturer", "unknown"),
        android=properties.get("ro.build.version.release", ""),
        abi=ABI if ABI in abis else machine,
        soc=soc_name([*names, hardware.group(1).split()[-1] if hardware else ""]),
        instruction_sets=tuple(features.group(1).split()) if features else (),
        cores=_cores(phone, cpuinfo),
        emulated=properties.get("ro.slu.emulated", ""),
    )


def soc_name(names: list[str]) -> str:
    """The usual name for the first of a phone's own names that the table has; else the first name there is."""
    table = {
        key: fields[1]
        for line in SOCS.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#") and (fields := line.split("\t"))
        for key in fields[0].split(",")
    }
    keys = [re.sub(r"[^a-z0-9].*", "", re.sub(r"^(qualcomm|hisilicon)\W*", "", name.lower())) for name in names]
    known = next((table[key] for key in keys if key in table), "")
    return known or next((name for name in names if name), "unknown")


def read_state(phone: Phone) -> State:
    """Ask a phone how it is; works without root, so much may be missing."""
    clocks = phone.run("grep -H '' /sys/devices/system/cpu/cpu*/cpufreq/scaling_*_freq 2>/dev/null").text
    found = {(int(n), name): int(value) for n, name, value in FREQUENCY.findall(clocks)}
    zones = phone.run(
        "grep -H '' /sys/class/thermal/thermal_zone*/type /sys/class/thermal/thermal_zone*/temp 2>/dev/null"
    )
    battery = phone.run("dumpsys battery 2>/dev/null").text
    thermal = re.search(r"Thermal Status:\s*(\d+)", phone.run("dumpsys thermalservice 2>/dev/null").text)
    awake = re.search(r"mWakefulness=(\w+)", phone.run("dumpsys power 2>/dev/null").text)
    powered = re.findall(r"(?:AC|USB|Wireless|Dock) powered: (\w+)", battery)
    return State(
        khz={n: value for (n, name), value in found.items() if name == "scaling_cur_freq"},
        limits_khz={n: value for (n, name), value in found.items() if name == "scaling_max_freq"},
        celsius=_zones(zones.text),
        thermal_status=int(thermal.group(1)) if thermal else None,
        battery_percent=_number(battery, "level"),
        battery_celsius=None if (tenths := _number(battery, "temperature")) is None else tenths / 10,
        charging="true" in powered if powered else None,
        screen_on=awake.group(1) == "Awake" if awake else None,
        charge_uah=_number(battery, "Charge counter"),
        voltage_mv=_number(battery, "voltage"),
    )


def warnings(facts: Facts, states: list[State]) -> list[str]:
    """What makes the figures of a run worth less, in words."""
    found = []
    highest = {core.number: core.max_khz for core in facts.cores}
    slow = {n for state in states for n, limit in state.limits_khz.items() if limit < THROTTLED * highest.get(n, 0)}
    if slow or any(state.thermal_status for state in states):
        cores = f" (cores {', '.join(map(str, sorted(slow)))})" if slow else ""
        found.append(f"throttled{cores}: let it cool down, or give --cool")
    if any(state.charging for state in states):
        found.append("charging: warms the phone and hides its energy; use Wi-Fi, or a port that does not charge")
    if any(state.screen_on for state in states):
        found.append("screen on: its drawing competes for cores; switch it off")
    if any(state.battery_percent is not None and state.battery_percent < 20 for state in states):
        found.append("battery below 20 %: many phones lower their clocks then")
    return found


def _cores(phone: Phone, cpuinfo: str) -> tuple[Core, ...]:
    """Cores with their cluster: the slowest are little, the fastest big, all between middle."""
    text = phone.run("grep -H '' /sys/devices/system/cpu/cpu*/cpufreq/cpuinfo_max_freq 2>/dev/null").text
    clocks = {int(n): int(value) for n, _, value in FREQUENCY.findall(text)}
    blocks = re.findall(r"^processor\s*:\s*(\d+)((?:\n(?!processor).*)*)", cpuinfo, re.M)
    parts: dict[int, int] = {}
    for number, block in blocks:
        part = re.search(r"CPU part\s*:\s*(0x[0-9a-f]+)", block)
        parts[int(number)] = int(part.group(1), 16) if part else 0
    numbers = sorted(clocks or parts)
    steps = sorted({(clocks.get(n, 0), parts.get(n, 0)) for n in numbers})

    def cluster(number: int) -> str:
        step = steps.index((clocks.get(number, 0), parts.get(number, 0)))
        if step == len(steps) - 1 and (len(steps) > 1 or parts.get(number) not in (0xD03, 0xD04, 0xD05, 0xD46, 0xD80)):
            return "big"
        return "little" if step == 0 else "middle"

    return tuple(
        Core(n, PARTS.get(parts.get(n, 0), f"0x{parts.get(n, 0):x}"), clocks.get(n, 0), cluster(n)) for n in numbers
    )


def _zones(text: str) -> dict[str, float]:
    """Temperatures by the names of their sensors; values are thousandths of a degree, tenths or degrees."""
    found = re.findall(r"thermal_zone(\d+)/(type|temp):(.*)", text)
    names = {zone: value for zone, kind, value in found if kind == "type"}
    result = {}
    for zone, kind, value in found:
        if kind == "temp" and re.fullmatch(r"-?\d+", value):
            degrees = int(value)
            degrees_c = (
                degrees / 1000 if abs(degrees) >= 1000 else degrees / 10 if abs(degrees) > 150 else float(degrees)
            )
            if -40 < degrees_c < 150:
                result[names.get(zone, zone)] = degrees_c
    return result


def _number(text: str, name: str) -> int | None:
    found = re.search(rf"^\s*{name}:\s*(-?\d+)", text, re.M)
    return int(found.group(1)) if found else None
