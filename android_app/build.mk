# The Android library and app. Included by the Makefile at the root.
.PHONY: android android-install

JAVA_SOURCES = $(shell find android_app tests/android_app -name '*.java')

# build/android/slu.aar (with the default model), slu-core.aar (without), slu-demo.apk, and maven/ with both libraries.
# ANDROID_ABIS: what the app is for; x86_64 is that of emulators.
ANDROID_ABIS ?= arm64-v8a
android: setup
	$(BIN)/python -m android_app.tools.build $(ANDROID_ABIS:%=--abi %)

ADB ?= adb
# On the phone that adb sees; ANDROID_SERIAL chooses one of several.
android-install: android
	$(ADB) install -r build/android/slu-demo.apk

# Every page of the app in both languages, by day and by night, drawn by Android's layout engine: build/android/screens/.
.PHONY: android-screens
android-screens: setup
	$(BIN)/python -m android_app.screens.draw
