//! Keys, digests and tokens, and the files that they are in.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{ADMIN_TOKEN_FILE, Digest, InstallationKey, KEY_FILE, admin_token, generate};

#[test]
fn key_and_token_are_made_once_with_mode_0600() {
    let folder = tempfile::tempdir().unwrap();
    let (token, path) = admin_token(folder.path()).unwrap();
    let key = InstallationKey::open(folder.path()).unwrap();
    assert_eq!(token.len(), 40);
    assert_eq!(admin_token(folder.path()).unwrap().0, token);
    let digest = key.digest(b"secret");
    assert!(InstallationKey::open(folder.path()).unwrap().matches(b"secret", &digest));
    for name in [ADMIN_TOKEN_FILE, KEY_FILE] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = admin_token(folder.path()).unwrap_err().to_string();
    assert!(refused.ends_with("can be read by others: set its mode to 0600"), "{refused}");
}

#[test]
fn damaged_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [(KEY_FILE, "nonsense"), (ADMIN_TOKEN_FILE, "short")] {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let key = InstallationKey::open(folder.path()).err().unwrap().to_string();
    assert!(key.contains(KEY_FILE), "{key}");
    let token = admin_token(folder.path()).unwrap_err().to_string();
    assert!(token.contains(ADMIN_TOKEN_FILE), "{token}");
}

#[test]
fn a_digest_is_of_one_key_purpose_and_secret() {
    let key = InstallationKey::from_bytes([1; 32]);
    let kept = key.digest(b"a");
    assert!(key.matches(b"a", &kept));
    assert!(!key.matches(b"b", &kept));
    assert!(!InstallationKey::from_bytes([2; 32]).matches(b"a", &kept));
    assert!(!key.derive("station passwords").matches(b"a", &kept));
    assert_eq!(Digest::parse(&kept.to_hex()).map(|digest| digest.0), Some(kept.0));
    assert!(Digest::parse("zz").is_none());
    assert_ne!(generate().unwrap(), generate().unwrap());
}
