//! What machine and which versions the controller is.

use std::collections::BTreeMap;

/// Version and system, by what they are of.
pub fn controller() -> BTreeMap<String, String> {
    let kernel = rustix::system::uname();
    let part = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let system = format!(
        "{} {} {}",
        part(kernel.sysname()),
        part(kernel.release()),
        part(kernel.machine())
    );
    BTreeMap::from([
        ("schism".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("system of the controller".to_owned(), system),
    ])
}
