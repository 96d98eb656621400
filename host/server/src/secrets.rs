//! Owns the secrets of an installation: its key, the admin token, passwords that it makes, and
//! how they are kept and compared. Must never show one, but the new one to the one who asked.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The name of the admin token's file in the data folder.
pub const ADMIN_TOKEN_FILE: &str = "admin.token";
/// The name of the key's file in the data folder.
pub const KEY_FILE: &str = "installation.key";

/// The key of this installation: what passwords and tokens are hashed with.
#[derive(Clone)]
pub struct InstallationKey([u8; 32]);

/// A secret as it is kept: HMAC-SHA-256 by the installation's key. Generated secrets have 160
/// random bits, so no slow hash is needed, and none may be: ten thousand stations reconnect at
/// once.
#[derive(Clone, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl InstallationKey {
    /// Reads the key, or makes it at the first start: mode 0600, synced.
    ///
    /// # Errors
    /// The file cannot be read or made, is not a key, or others may read it.
    pub fn open(data: &Path) -> io::Result<Self> {
        let path = data.join(KEY_FILE);
        Self::of(&path, &read_or_create(&path, || Ok(hex(&random::<32>()?)))?)
    }

    /// Reads the key of a folder that a host has used.
    ///
    /// # Errors
    /// The file cannot be read, is not a key, or others may read it.
    pub fn read(data: &Path) -> io::Result<Self> {
        let path = data.join(KEY_FILE);
        Self::of(&path, &read_private(&path)?)
    }

    fn of(path: &Path, text: &str) -> io::Result<Self> {
        let key = unhex(text.trim()).and_then(|bytes| bytes.try_into().ok());
        key.map(Self).ok_or_else(|| bad(path, "is not 64 hexadecimal digits"))
    }

    /// How a secret is kept.
    pub fn digest(&self, secret: &[u8]) -> Digest {
        // A key of any length is a key for HMAC.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).unwrap_or_else(|_| unreachable!());
        mac.update(secret);
        Digest(mac.finalize().into_bytes().into())
    }

    /// A key for another purpose, so that no two purposes share one.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Self {
        Self(self.digest(format!("busbar key for {purpose}").as_bytes()).0)
    }

    /// Whether a secret is the one that is kept, in time that does not tell how near it was.
    pub fn matches(&self, secret: &[u8], kept: &Digest) -> bool {
        self.digest(secret).0.ct_eq(&kept.0).into()
    }

    /// The key itself, for another crate to use.
    pub fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// A key from its bytes, for tests and restored installations.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl Digest {
    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        unhex(text).and_then(|bytes| bytes.try_into().ok()).map(Self)
    }

    /// 64 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }
}

/// The admin token of a data folder, made at the first start; and its file.
///
/// # Errors
/// The file cannot be read or made, or others may read it.
pub fn admin_token(data: &Path) -> io::Result<(String, PathBuf)> {
    let path = data.join(ADMIN_TOKEN_FILE);
    let text = read_or_create(&path, generate)?;
    let token = text.trim().to_owned();
    if token.len() < 40 {
        return Err(bad(&path, "is shorter than 40 characters"));
    }
    Ok((token, path))
}

/// A new secret: 160 random bits as 40 hexadecimal digits, which fit the password field of every
/// OCPP version.
///
/// # Errors
/// The system has no randomness.
pub fn generate() -> io::Result<String> {
    random::<20>().map(|bytes| hex(&bytes))
}

/// Random bytes of the system.
///
/// # Errors
/// The system has none.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

fn read_or_create(path: &Path, create: impl FnOnce() -> io::Result<String>) -> io::Result<String> {
    match read_private(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = create()?;
            write_secret(path, &text)?;
            Ok(text)
        }
        read => read,
    }
}

/// Reads a file that nobody else may read.
///
/// # Errors
/// It cannot be read, or others may read it: which file and why. Of one that is not there the kind
/// is kept.
pub fn read_private(path: &Path) -> io::Result<String> {
    let named = |error: io::Error| io::Error::new(error.kind(), bad(path, &error.to_string()));
    let text = fs::read_to_string(path).map_err(named)?;
    let about = fs::metadata(path).map_err(|error| bad(path, &error.to_string()))?;
    if about.permissions().mode() & 0o077 != 0 {
        return Err(bad(path, "can be read by others: set its mode to 0600"));
    }
    Ok(text)
}

/// Written beside, synced, renamed, folder synced: a crash leaves the whole file or none.
fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let beside = path.with_extension("new");
    let _ = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    fs::File::open(folder)?.sync_all()
}

fn bad(path: &Path, why: &str) -> io::Error {
    io::Error::other(format!("{} {why}", path.display()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests;
