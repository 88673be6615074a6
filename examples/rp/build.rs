//! Tells the linker where memory is, and finds the firmware of the radio.

use std::env;
use std::fs;
use std::path::Path;

/// What the radio runs, its regulatory data, and its settings for this board.
const FILES: [&str; 3] = ["43439A0.bin", "43439A0_clm.bin", "nvram_rp2040.bin"];

fn main() {
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    println!("cargo:rustc-link-search={here}");
    for argument in ["-Tlink.x", "-Tlink-rp.x", "-Tdefmt.x", "--nmagic"] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    println!("cargo:rerun-if-changed=memory.x");
    println!("cargo:rerun-if-env-changed=CYW43_FIRMWARE");

    let out = env::var("OUT_DIR").expect("cargo sets it");
    let folder = env::var_os("CYW43_FIRMWARE");
    if folder.is_none() {
        println!(
            "cargo:warning=CYW43_FIRMWARE is not set: this image has no firmware for the radio, \
             and will say so instead of starting. See README.md."
        );
    }
    for name in FILES {
        let bytes = folder.as_ref().map_or_else(Vec::new, |folder| {
            let path = Path::new(folder).join(name);
            println!("cargo:rerun-if-changed={}", path.display());
            let bytes = fs::read(&path).unwrap_or_default();
            assert!(!bytes.is_empty(), "there is nothing to read at {}", path.display());
            bytes
        });
        fs::write(Path::new(&out).join(name), bytes).expect("the output folder can be written to");
    }
}
