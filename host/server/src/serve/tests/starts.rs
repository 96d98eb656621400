//! What a start makes of a data folder that is not as it was left.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// All that is in a folder, by path.
fn names(folder: &Path) -> BTreeSet<PathBuf> {
    let mut all = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(names(&path));
        }
        all.insert(path);
    }
    all
}

async fn run_once(data: &Path) {
    Host::start(&config(data)).await.unwrap().stop().await;
}

async fn refused(config: &Config) -> String {
    match Host::start(config).await {
        Err(said) => said,
        Ok(_) => panic!("a host started that must not"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_removed_is_not_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (data, key) = (folder.path(), folder.path().join("installation.key"));
    run_once(data).await;
    fs::remove_dir_all(data.join("store")).unwrap();
    let left = names(data);
    let said = refused(&config(data)).await;
    let place = data.join("store").display().to_string();
    assert!(said.contains(&place) && said.contains("busbar restore"), "{said}");
    assert!(said.contains(&format!("remove {} too", key.display())), "{said}");
    assert_eq!(names(data), left, "a refused start made something");
    // On purpose.
    fs::remove_file(key).unwrap();
    run_once(data).await;
}

/// Under a new key no password would match.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_removed_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (data, key) = (folder.path(), folder.path().join("installation.key"));
    let host = Host::start(&config(data)).await.unwrap();
    set_up(&host, data).await;
    host.stop().await;
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let said = refused(&config(data)).await;
    assert!(said.contains(&key.display().to_string()) && said.contains("restore"), "{said}");
    assert!(!key.exists(), "a refused start made a key");
    fs::write(&key, &kept).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    run_once(data).await;
}

/// The key comes after the store: a first start that died between them is gone on with.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_died_after_its_store_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    drop(SledStore::open(&folder.path().join("store"), Options::default()).unwrap());
    run_once(folder.path()).await;
    run_once(folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_start_leaves_nothing_new() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    // A port that is taken, and a store that is damaged.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut busy = config(data);
    busy.ocpp.bind = taken.local_addr().unwrap();
    refused(&busy).await;
    assert_eq!(names(data), BTreeSet::new());
    run_once(data).await;
    let db = data.join("store/sled/db");
    let mut bytes = fs::read(&db).unwrap();
    bytes[100] ^= 1;
    fs::write(&db, bytes).unwrap();
    let left = names(data);
    let said = refused(&config(data)).await;
    assert!(said.contains("sled/db") && said.contains("busbar restore"), "{said}");
    assert_eq!(names(data), left);
}
