//! Only what this installation compiled for this engine is taken back.

use std::os::unix::fs::PermissionsExt;

use wasmtime::Config;

use super::*;

fn engine(fuel: bool) -> Engine {
    Engine::new(Config::new().consume_fuel(fuel)).unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn compiled_code_is_taken_back_by_its_own_key_engine_and_name_only() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("compiled");
    let (one, two) = (Hash([1; 32]), Hash([2; 32]));
    let engine_one = engine(true);
    let component = Component::new(&engine_one, wat::parse_str("(component)").unwrap()).unwrap();
    let cache = CodeCache::open(&folder, None).unwrap();
    assert!(cache.load(&engine_one, one).is_none());
    cache.store(&engine_one, one, &component);
    assert!(cache.load(&engine_one, one).is_some());

    // Opened again, the key in the folder is the same.
    let again = CodeCache::open(&folder, None).unwrap();
    assert!(again.load(&engine_one, one).is_some());
    // Another installation's key, another component, another engine.
    let stranger = CodeCache::open(&folder, Some([9; 32])).unwrap();
    assert!(stranger.load(&engine_one, one).is_none());
    assert!(cache.load(&engine_one, two).is_none());
    assert!(cache.load(&engine(false), one).is_none());

    // A file under another component's name.
    let path = |hash| folder.join(file_name(&engine_one, hash));
    std::fs::copy(path(one), path(two)).unwrap();
    assert!(cache.load(&engine_one, two).is_none());
    // Each kind of damage.
    let stored = std::fs::read(path(one)).unwrap();
    for at in [0, TAG, stored.len() / 2, stored.len() - 1] {
        let mut bad = stored.clone();
        bad[at] ^= 1;
        std::fs::write(path(one), bad).unwrap();
        assert!(cache.load(&engine_one, one).is_none(), "byte {at}");
    }
    for length in [0, TAG - 1, TAG, stored.len() - 1] {
        std::fs::write(path(one), &stored[..length]).unwrap();
        assert!(cache.load(&engine_one, one).is_none(), "{length} bytes");
    }
    std::fs::write(path(one), &stored).unwrap();
    assert!(cache.load(&engine_one, one).is_some());
}

#[test]
fn folder_and_key_are_their_owners_only() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("compiled");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    CodeCache::open(&folder, None).unwrap();
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join(KEY_FILE)), 0o600);
}
