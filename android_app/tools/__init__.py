"""Builds and signs the Android library and app from Debian's packages and the pinned ziglang, without SDK or NDK."""
