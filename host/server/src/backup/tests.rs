//! Backups of a running host, and what a restore finds.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use busbar_engine::store::Store;
use busbar_store::{Options, SledStore};

use super::{files, make_folder, restore};
use crate::secrets::{InstallationKey, admin_token};

#[test]
fn a_backup_brings_back_keys_plugins_and_configuration() {
    let data = tempfile::tempdir().unwrap();
    let key = InstallationKey::open(data.path()).unwrap();
    let (token, _) = admin_token(data.path()).unwrap();
    fs::create_dir_all(data.path().join("plugins/deep")).unwrap();
    fs::write(data.path().join("plugins/deep/a.wasm"), b"bytes").unwrap();
    let config = data.path().join("somewhere.toml");
    fs::write(&config, "# ours").unwrap();
    let options = Options { reserve_bytes: 1 << 16, ..Options::default() };
    let (store, _) = SledStore::open(&data.path().join("store"), options).unwrap();
    let _reader: Arc<_> = store.reader();

    let to = make_folder(data.path(), "now").unwrap();
    let kept = files(data.path(), Some(&config)).unwrap();
    let manifest = store.keeper().backup(&to, &kept).unwrap();
    assert_eq!(manifest.facts, 0);
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o700);

    let new = tempfile::tempdir().unwrap();
    let new = new.path().join("data");
    restore(&to, &new).unwrap();
    assert_eq!(admin_token(&new).unwrap().0, token);
    let digest = key.digest(b"x");
    assert!(InstallationKey::open(&new).unwrap().matches(b"x", &digest));
    assert_eq!(fs::read(new.join("plugins/deep/a.wasm")).unwrap(), b"bytes");
    assert_eq!(fs::read_to_string(new.join("busbar.toml")).unwrap(), "# ours");
    let again = restore(&to, &new).unwrap_err();
    assert!(again.ends_with("holds a host already: name a new folder"), "{again}");
}

#[test]
fn a_damaged_backup_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let new = empty.path().join("data");
    let refused = restore(empty.path(), &new).unwrap_err();
    assert!(refused.contains("manifest.json"), "{refused}");
}
