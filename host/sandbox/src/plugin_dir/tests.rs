//! Keeping, reading, listing, and damage.

use super::*;

#[test]
fn what_is_kept_is_read_and_listed_again() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = PluginDir::open(&folder.path().join("plugins")).unwrap();
    let one = plugins.put(b"one", "name = \"one\"").unwrap();
    let two = plugins.put(b"two", "name = \"two\"").unwrap();
    assert_eq!(plugins.put(b"one", "name = \"another\"").unwrap(), one);
    let mut both = vec![one, two];
    both.sort();
    assert_eq!(plugins.list().unwrap(), both);
    let stored = plugins.get(one).unwrap().unwrap();
    assert_eq!(
        (stored.bytes.as_slice(), stored.manifest.as_str()),
        (&b"one"[..], "name = \"one\"")
    );
    assert_eq!(plugins.get(Hash([0; 32])).unwrap(), None);
}

#[test]
fn damaged_bytes_are_never_handed_out() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = PluginDir::open(folder.path()).unwrap();
    let hash = plugins.put(b"one", "").unwrap();
    std::fs::write(folder.path().join(format!("{hash}.wasm")), b"onf").unwrap();
    let error = plugins.get(hash).unwrap_err();
    assert!(matches!(error.fault, LoadFault::Damaged(_)), "{error}");
}
