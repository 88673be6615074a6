//! Has the linker use the script of the HAL.

fn main() {
    println!("cargo:rustc-link-arg-bins=-Tlinkall.x");
}
