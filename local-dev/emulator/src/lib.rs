//! The gatepost binary: the emulator and its command line.
