"""The Android library, the demo app and what builds them."""
