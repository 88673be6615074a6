//! Has the linker use the scripts of the runtime and of defmt. Memory is described by the HAL.

fn main() {
    for argument in ["-Tlink.x", "-Tdefmt.x", "--nmagic"] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
}
