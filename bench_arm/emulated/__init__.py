"""An emulated phone: an adb daemon over TCP, a sandboxed directory, ARM64 programs through qemu, faults on request."""
