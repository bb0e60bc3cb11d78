//! Writes the folder of libtorch into this package's tests and examples: the rpath that torch-sys asks for does not reach
//! them. A package that makes a binary needs the same file.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let Some(root) = std::env::var_os("LIBTORCH").map(PathBuf::from) else { return };
    match root.join("lib").canonicalize() {
        Ok(lib) => println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.display()),
        Err(_) => println!("cargo:warning=no libtorch under {}; run `cargo xtask setup`", root.display()),
    }
}
