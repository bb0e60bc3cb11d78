//! libtorch 2.4.0 for the CPU, out of PyTorch's Python wheel.
//!
//! The wheel on PyPI is built for CUDA. Its CPU library works alone: it names two CUDA libraries that only its profiler
//! calls, for which stubs are compiled that report no device, and `libtorch.so`, which would ask for CUDA's part, is
//! replaced by one that asks for the CPU's only.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::fetch::{self, Item, Workshop};
use crate::{command, repository};

const VERSION: &str = "2.4.0";
const SHA256: &str = "e743adadd8c8152bb8373543964551a7cb7cc20ba898dc8f9c0cdbe47c283de0";
const BYTES: u64 = 797_262_052;
/// What the CPU library asks for and never needs on a machine without CUDA.
const CUDA_LIBRARIES: [&str; 2] = ["libcudart.so.12", "libcupti.so.12"];
const KEPT: [&str; 6] = [
    "torch/include/*",
    "torch/lib/libtorch_cpu.so",
    "torch/lib/libc10.so",
    "torch/lib/libgomp*",
    "*.dist-info/LICENSE",
    "*.dist-info/NOTICE",
];

/// `CACHE/libtorch-VERSION/{lib,include}`, and `third_party/libtorch` in the repository as a link to it.
pub fn ensure(cache: &Path) -> Result<()> {
    if command::user_has_libtorch() {
        eprintln!("setup: libtorch is the one that LIBTORCH names");
        return Ok(());
    }
    if (OS, ARCH) != ("linux", "x86_64") {
        bail!(
            "libtorch is set up for linux on x86_64 only, and this is {OS} on {ARCH}: \
             unpack libtorch {VERSION} yourself and name its folder in LIBTORCH"
        );
    }
    let (name, folder) = (format!("libtorch {VERSION}"), format!("libtorch-{VERSION}"));
    discard_other_version(&cache.join(&folder))?;
    let item = Item { name: &name, folder: &folder, from: "from PyPI by pip (531 MB stay)", bytes: BYTES };
    let target = fetch::ensure(cache, &item, unpack)?;
    link(&target, &repository::root().join("third_party"))
}

/// A folder without the right `build-version` was made by something else: it is made anew.
fn discard_other_version(folder: &Path) -> Result<()> {
    let version = fs::read_to_string(folder.join("build-version")).unwrap_or_default();
    if folder.is_dir() && version.trim() != VERSION {
        eprintln!("setup: {} is not libtorch {VERSION}; removing it", folder.display());
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}

fn unpack(shop: &Workshop) -> Result<()> {
    let platforms = ["manylinux1_x86_64", "manylinux_2_28_x86_64"];
    let wheel = fetch::pip_download(shop, &format!("torch=={VERSION}"), &platforms)?;
    fetch::verify(&wheel, SHA256)?;
    let unpacked = shop.downloads().join("unpacked");
    fetch::extract_wheel(&wheel, &unpacked, &KEPT)?;
    for part in ["lib", "include"] {
        fs::rename(unpacked.join("torch").join(part), shop.output().join(part)).context("the wheel lacks a part")?;
    }
    let notices = unpacked.join(format!("torch-{VERSION}.dist-info"));
    for notice in ["LICENSE", "NOTICE"] {
        fs::rename(notices.join(notice), shop.output().join(notice)).context("the wheel lacks its licence")?;
    }
    let lib = shop.output().join("lib");
    for soname in CUDA_LIBRARIES {
        compile_stub(&lib, soname)?;
    }
    compile_shim(&lib)?;
    fs::write(shop.output().join("build-version"), format!("{VERSION}\n"))?;
    Ok(())
}

fn compile_stub(lib: &Path, soname: &str) -> Result<()> {
    let symbols =
        command::capture(Command::new("nm").args(["-D", "--undefined-only", "libtorch_cpu.so"]).current_dir(lib))?;
    let source = stub_source(&symbols, soname);
    fs::write(lib.join("stub.c"), source)?;
    fs::write(lib.join("stub.map"), format!("{soname} {{ global: *; }};\n"))?;
    let mut cc = Command::new("cc");
    cc.args(["-w", "-O1", "-shared", "-fPIC", "-Wl,--version-script=stub.map"]).arg(format!("-Wl,-soname,{soname}"));
    command::capture(cc.args(["-o", soname, "stub.c"]).current_dir(lib))?;
    fs::remove_file(lib.join("stub.c"))?;
    fs::remove_file(lib.join("stub.map"))?;
    Ok(())
}

/// C code for the symbols that `nm` lists as `name@soname`. Each reports CUDA's error 100, "no device".
fn stub_source(symbols: &str, soname: &str) -> String {
    let suffix = format!("@{soname}");
    let names = symbols.lines().filter_map(|line| line.trim().strip_prefix("U ")?.strip_suffix(&suffix));
    let function = |name: &str| match name {
        _ if name.ends_with("GetErrorString") => {
            format!("const char *{name}(int error) {{ (void)error; return \"no CUDA (stub)\"; }}\n")
        }
        _ if name.ends_with("GetDeviceCount") => {
            format!("int {name}(int *count) {{ if (count) *count = 0; return 100; }}\n")
        }
        _ => format!("int {name}(void) {{ return 100; }}\n"),
    };
    names.map(function).collect()
}

fn compile_shim(lib: &Path) -> Result<()> {
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-x", "c", "/dev/null", "-o", "libtorch.so", "-Wl,-soname,libtorch.so"]);
    cc.args(["-Wl,--no-as-needed", "-Wl,-rpath,$ORIGIN", "-Wl,--allow-shlib-undefined"]);
    command::capture(cc.args(["-L.", "-ltorch_cpu", "-lc10"]).current_dir(lib))?;
    Ok(())
}

/// Makes `third_party/libtorch` a link to the cache. A folder that somebody put there stays.
fn link(target: &Path, third_party: &Path) -> Result<()> {
    let link = third_party.join("libtorch");
    if fs::read_link(&link).is_ok_and(|old| old == target)
        || link.join("lib/libtorch.so").is_file() && !link.is_symlink()
    {
        return Ok(());
    }
    fs::create_dir_all(third_party)?;
    // Linked beside and renamed over, so that a build that runs meanwhile always finds one.
    let fresh = third_party.join(".libtorch-new");
    let _ = fs::remove_file(&fresh);
    symlink(target, &fresh)?;
    fs::rename(&fresh, &link).with_context(|| format!("cannot link {} to {}", link.display(), target.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stubs_are_written_for_the_symbols_of_one_library_only() {
        let symbols =
            "   U cudaGetDeviceCount@libcudart.so.12\n   U cuptiStart@libcupti.so.12\n   U malloc@GLIBC_2.2.5\n";
        let source = stub_source(symbols, "libcudart.so.12");
        assert_eq!(source, "int cudaGetDeviceCount(int *count) { if (count) *count = 0; return 100; }\n");
        assert_eq!(stub_source(symbols, "libcupti.so.12"), "int cuptiStart(void) { return 100; }\n");
    }

    #[test]
    fn the_link_is_made_and_moved_but_never_replaces_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let third_party = dir.path().join("third_party");
        link(Path::new("/first"), &third_party).unwrap();
        link(Path::new("/second"), &third_party).unwrap();
        assert_eq!(fs::read_link(third_party.join("libtorch")).unwrap(), Path::new("/second"));

        let own = dir.path().join("own");
        fs::create_dir_all(own.join("libtorch/lib")).unwrap();
        fs::write(own.join("libtorch/lib/libtorch.so"), "").unwrap();
        link(Path::new("/first"), &own).unwrap();
        assert!(!own.join("libtorch").is_symlink());
    }

    #[test]
    fn a_folder_of_another_version_is_removed_and_the_right_one_stays() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("libtorch");
        for (version, stays) in [("2.4.0\n", true), ("2.3.0\n", false)] {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("build-version"), version).unwrap();
            discard_other_version(&folder).unwrap();
            assert_eq!(folder.is_dir(), stays, "{version}");
        }
    }
}
