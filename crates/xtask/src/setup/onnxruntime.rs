//! ONNX Runtime's shared library, out of its Python wheel.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::fetch::{self, Item, Workshop};

/// It has the C API that the `ort` crate asks for by its feature `api-N` in the root manifest (1.N), and older ones.
const VERSION: &str = "1.22.1";

struct Wheel {
    platforms: &'static [&'static str],
    sha256: &'static str,
    bytes: u64,
    /// In the wheel, under `onnxruntime/capi/`.
    library: &'static str,
    /// In the cache.
    file: &'static str,
}

fn wheel() -> Result<Wheel> {
    Ok(match (OS, ARCH) {
        ("linux", "x86_64") => Wheel {
            platforms: &["manylinux_2_27_x86_64", "manylinux_2_28_x86_64"],
            sha256: "f6effa1299ac549a05c784d50292e3378dbbf010346ded67400193b09ddc2f04",
            bytes: 16_460_799,
            library: "libonnxruntime.so.1.22.1",
            file: "libonnxruntime.so",
        },
        ("linux", "aarch64") => Wheel {
            platforms: &["manylinux_2_27_aarch64", "manylinux_2_28_aarch64"],
            sha256: "7ae7526cf10f93454beb0f751e78e5cb7619e3b92f9fc3bd51aa6f3b7a8977e5",
            bytes: 14_473_779,
            library: "libonnxruntime.so.1.22.1",
            file: "libonnxruntime.so",
        },
        ("macos", _) => Wheel {
            platforms: &["macosx_13_0_arm64", "macosx_13_0_x86_64"],
            sha256: "f4581bccb786da68725d8eac7c63a8f31a89116b8761ff8b4989dc58b61d49a0",
            bytes: 34_324_148,
            library: "libonnxruntime.1.22.1.dylib",
            file: "libonnxruntime.dylib",
        },
        _ => bail!("no ONNX Runtime is pinned for {OS} on {ARCH}"),
    })
}

/// `CACHE/onnxruntime-VERSION/libonnxruntime.so`
pub fn ensure(cache: &Path) -> Result<()> {
    let wheel = wheel()?;
    let (name, folder) = (format!("ONNX Runtime {VERSION}"), format!("onnxruntime-{VERSION}"));
    let item = Item { name: &name, folder: &folder, from: "from PyPI by pip", bytes: wheel.bytes };
    fetch::ensure(cache, &item, |shop| unpack(shop, &wheel)).map(drop)
}

fn unpack(shop: &Workshop, wheel: &Wheel) -> Result<()> {
    let file = fetch::pip_download(shop, &format!("onnxruntime=={VERSION}"), wheel.platforms)?;
    fetch::verify(&file, wheel.sha256)?;
    let unpacked = shop.downloads().join("unpacked");
    let library = format!("onnxruntime/capi/{}", wheel.library);
    let notices = ["onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices.txt"];
    fetch::extract_wheel(&file, &unpacked, &[&library, notices[0], notices[1]])?;
    let target = shop.output();
    fs::rename(unpacked.join(&library), target.join(wheel.file)).context("the wheel has no library")?;
    for notice in notices {
        fs::rename(unpacked.join(notice), target.join(notice.trim_start_matches("onnxruntime/")))?;
    }
    Ok(())
}
