"""The stated phones: what they say about themselves, as properties and as files of /proc and /sys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli

from slu.errors import ConfigError

FILE = Path(__file__).with_name("profiles.toml")
FEATURES = {
    "cortex-a53": "fp asimd evtstrm aes pmull sha1 sha2 crc32",
    "cortex-a76": "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp",
}
"""What the kernel lists of a core."""


@dataclass(frozen=True)
class Core:
    """One core. ``part``: ARM's number of the design. ``qemu``: the model that executes its programs."""

    part: int
    min_khz: int
    max_khz: int
    qemu: str


@dataclass(frozen=True)
class Profile:
    """One phone; the cores in the order of their numbers."""

    name: str
    model: str
    manufacturer: str
    android: str
    sdk: int
    abis: tuple[str, ...]
    memory_kb: int
    hardware: str
    properties: dict[str, str]
    cores: tuple[Core, ...]

    @property
    def fastest(self) -> int:
        """The number of the core with the highest clock."""
        return max(range(len(self.cores)), key=lambda number: self.cores[number].max_khz)

    def all_properties(self) -> dict[str, str]:
        """What getprop answers."""
        return {
            "ro.product.model": self.model,
            "ro.product.manufacturer": self.manufacturer,
            "ro.product.name": self.name,
            "ro.product.device": self.name,
            "ro.build.version.release": self.android,
            "ro.build.version.sdk": str(self.sdk),
            "ro.product.cpu.abi": self.abis[0],
            "ro.product.cpu.abilist": ",".join(self.abis),
            "ro.boot.qemu": "1",
            "ro.slu.emulated": self.name,
            **self.properties,
        }

    def files(self) -> dict[str, str]:
        """The files of /proc and /sys by their paths."""
        cpu = "sys/devices/system/cpu"
        found = {
            "proc/cpuinfo": self._cpuinfo(),
            "proc/meminfo": f"MemTotal:       {self.memory_kb} kB\nMemAvailable:   {self.memory_kb // 2} kB\n",
            "proc/loadavg": "0.10 0.12 0.09 1/1432 4242\n",
            f"{cpu}/possible": f"0-{len(self.cores) - 1}\n",
            f"{cpu}/online": f"0-{len(self.cores) - 1}\n",
            "sys/class/thermal/thermal_zone0/type": "soc_thermal\n",
            "sys/class/thermal/thermal_zone0/temp": "31200\n",
            "sys/class/thermal/thermal_zone1/type": "battery\n",
            "sys/class/thermal/thermal_zone1/temp": "28500\n",
            "system/build.prop": "".join(f"{k}={v}\n" for k, v in self.all_properties().items()),
        }
        for number, core in enumerate(self.cores):
            clock = f"{cpu}/cpu{number}/cpufreq"
            for name, value in (
                ("cpuinfo_min_freq", core.min_khz),
                ("cpuinfo_max_freq", core.max_khz),
                ("scaling_max_freq", core.max_khz),
                ("scaling_cur_freq", core.max_khz),
            ):
                found[f"{clock}/{name}"] = f"{value}\n"
            found[f"{clock}/scaling_governor"] = "schedutil\n"
        battery = "sys/class/power_supply/battery"
        for name, text in {
            "status": "Discharging",
            "capacity": "82",
            "temp": "285",
            "voltage_now": "3987000",
            "current_now": "-312000",
            "charge_counter": "3280000",
        }.items():
            found[f"{battery}/{name}"] = text + "\n"
        return found

    def dumpsys(self) -> dict[str, str]:
        """What the system's services print."""
        return {
            "battery": "Current Battery Service state:\n  AC powered: false\n  USB powered: false\n"
            "  Wireless powered: false\n  status: 3\n  level: 82\n  scale: 100\n  voltage: 3987\n"
            "  temperature: 285\n  Charge counter: 3280000\n",
            "power": "POWER MANAGER (dumpsys power)\n  mWakefulness=Asleep\n",
            "thermalservice": "IsStatusOverride: false\nThermalEventListeners:\nThermal Status: 0\n",
        }

    def _cpuinfo(self) -> str:
        blocks = [
            f"processor\t: {number}\nBogoMIPS\t: 38.40\nFeatures\t: {FEATURES[core.qemu]}\nCPU implementer\t: 0x41\n"
            f"CPU architecture: 8\nCPU variant\t: 0x1\nCPU part\t: 0x{core.part:x}\nCPU revision\t: 0\n\n"
            for number, core in enumerate(self.cores)
        ]
        return "".join(blocks) + f"Hardware\t: {self.hardware}\n"


def read_profiles() -> dict[str, Profile]:
    """All of them by name."""
    return {name: _profile(name, table) for name, table in tomli.loads(FILE.read_text(encoding="utf-8")).items()}


def get_profile(name: str) -> Profile:
    """One of them. Raises `ConfigError` for another name."""
    profiles = read_profiles()
    if name not in profiles:
        raise ConfigError(f"--profile {name}: there is no such phone; choose from {', '.join(profiles)}")
    return profiles[name]


def _profile(name: str, table: dict[str, Any]) -> Profile:
    cores = [
        Core(row["part"], row["min_khz"], row["max_khz"], row["qemu"])
        for row in table["cores"]
        for _ in range(row["count"])
    ]
    return Profile(**{**table, "name": name, "abis": tuple(table["abis"]), "cores": tuple(cores)})
