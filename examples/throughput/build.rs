//! Tells the linker how to put the programs together; where memory is, the board knows.

fn main() {
    println!("cargo:rustc-link-arg=-Tlink.x");
    println!("cargo:rustc-link-arg=--nmagic");
}
