//! Bakes libtorch's folder into the binary and its tests: torch-sys's own linker flag does not reach other packages.

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if let Some(libtorch) = std::env::var_os("LIBTORCH") {
        let library = std::path::Path::new(&libtorch).join("lib");
        match library.canonicalize() {
            Ok(folder) => println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.display()),
            Err(error) => panic!("{}: {error}; run `cargo xtask setup` first", library.display()),
        }
    }
}
