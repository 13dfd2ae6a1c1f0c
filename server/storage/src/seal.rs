//! Secrets at rest. Each has a data key of its own, which a master key wraps; the envelope names that master key. So a new
//! master key takes over by wrapping the data keys anew, and no secret is ever seen on the way.
//!
//! AES-256-GCM throughout (NIST SP 800-38D), with random nonces: a data key seals once, and a master key wraps far fewer
//! than the 2³² keys that such nonces are good for.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;
use weir_core::storage::Sealed;
use weir_core::{Error, Result};

pub const KEY_BYTES: usize = 32;

/// Wraps data keys. A key in a file is one; an external key service is another.
pub trait MasterKey: fmt::Debug + Send + Sync {
    /// Which key this is, as envelopes name it. Says nothing about the key itself.
    fn id(&self) -> &str;
    fn wrap(&self, data_key: &[u8]) -> Result<Vec<u8>>;
    /// Errors: `Internal` for what another key wrapped, or what was changed since.
    fn unwrap(&self, wrapped: &[u8]) -> Result<SecretSlice<u8>>;
}

/// The master keys: the first one seals, all of them open. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Keyring {
    keys: Arc<[Box<dyn MasterKey>]>,
}

impl Keyring {
    /// Errors: no key.
    pub fn new(keys: Vec<Box<dyn MasterKey>>) -> Result<Self> {
        if keys.is_empty() {
            return Err(Error::invalid("keys", "There is no master key."));
        }
        Ok(Self { keys: keys.into() })
    }

    /// Keys as a file or a variable has them: one a line in base64, 32 bytes each, the one to seal with first. Lines that
    /// begin with `#` are comments.
    ///
    /// Errors: `Invalid` for a line that is no such key, and for no line at all. The message shows none of it.
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys = lines.map(|line| {
            let key = STANDARD.decode(line).ok().map(SecretSlice::from);
            let key = key.filter(|key| key.expose_secret().len() == KEY_BYTES);
            let key = key.ok_or_else(|| {
                Error::invalid(
                    "keys",
                    "A master key is 32 random bytes in base64, one a line: `weir keys new` makes one.",
                )
            })?;
            Ok(Box::new(LocalKey::new(key)?) as Box<dyn MasterKey>)
        });
        Self::new(keys.collect::<Result<_>>()?)
    }

    /// A keyring of one new key, for tests and for the first start.
    pub fn fresh() -> Result<Self> {
        Self::parse(new_key()?.expose_secret())
    }

    /// The master key that seals.
    pub fn current(&self) -> Result<&dyn MasterKey> {
        let first = self.keys.first().map(Box::as_ref);
        first.ok_or_else(|| Error::internal("A keyring without a key"))
    }

    pub fn seal(&self, secret: &[u8]) -> Result<Sealed> {
        let (id, data_key) = (Uuid::now_v7(), random::<KEY_BYTES>()?);
        let sealed = encrypt(&data_key, id.as_bytes(), secret)?;
        let envelope = Envelope {
            master: self.current()?.id().to_owned(),
            wrapped: self.current()?.wrap(&data_key)?,
            sealed,
        };
        Ok(Sealed {
            id,
            envelope: envelope.to_string(),
        })
    }

    /// Errors: `Unavailable` where its master key is not among these; `Internal` where somebody changed it.
    pub fn open(&self, sealed: &Sealed) -> Result<SecretSlice<u8>> {
        let envelope = Envelope::parse(&sealed.envelope)?;
        let data_key = self.holder(&envelope)?.unwrap(&envelope.wrapped)?;
        let opened = decrypt(
            data_key.expose_secret(),
            sealed.id.as_bytes(),
            &envelope.sealed,
        )?;
        Ok(SecretSlice::from(opened))
    }

    /// The same secret, its data key wrapped by the current master key. `None` where it is already.
    pub fn rewrap(&self, sealed: &Sealed) -> Result<Option<Sealed>> {
        let envelope = Envelope::parse(&sealed.envelope)?;
        let current = self.current()?;
        if envelope.master == current.id() {
            return Ok(None);
        }
        let data_key = self.holder(&envelope)?.unwrap(&envelope.wrapped)?;
        let envelope = Envelope {
            master: current.id().to_owned(),
            wrapped: current.wrap(data_key.expose_secret())?,
            sealed: envelope.sealed,
        };
        Ok(Some(Sealed {
            id: sealed.id,
            envelope: envelope.to_string(),
        }))
    }

    fn holder(&self, envelope: &Envelope) -> Result<&dyn MasterKey> {
        let found = self.keys.iter().find(|key| key.id() == envelope.master);
        found.map(Box::as_ref).ok_or_else(|| {
            Error::unavailable(format!(
                "A secret is sealed with the master key {}, which this server was not given. Add that key below the current one.",
                envelope.master
            ))
        })
    }
}

/// A new master key as [`Keyring::parse`] reads it.
pub fn new_key() -> Result<SecretString> {
    Ok(STANDARD.encode(random::<KEY_BYTES>()?).into())
}

/// A master key that this process holds.
struct LocalKey {
    id: String,
    key: SecretSlice<u8>,
}

impl LocalKey {
    fn new(key: SecretSlice<u8>) -> Result<Self> {
        let hash = digest(&SHA256, key.expose_secret());
        let id = hash
            .as_ref()
            .get(..6)
            .map(|start| URL_SAFE_NO_PAD.encode(start));
        Ok(Self {
            id: id.ok_or_else(|| Error::internal("A digest without bytes"))?,
            key,
        })
    }
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalKey({})", self.id)
    }
}

impl MasterKey for LocalKey {
    fn id(&self) -> &str {
        &self.id
    }

    fn wrap(&self, data_key: &[u8]) -> Result<Vec<u8>> {
        encrypt(self.key.expose_secret(), b"data key", data_key)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<SecretSlice<u8>> {
        decrypt(self.key.expose_secret(), b"data key", wrapped).map(SecretSlice::from)
    }
}

/// `1.<master key>.<wrapped data key>.<sealed secret>`, the last two in base64.
struct Envelope {
    master: String,
    wrapped: Vec<u8>,
    sealed: Vec<u8>,
}

impl Envelope {
    fn parse(text: &str) -> Result<Self> {
        let broken = || Error::internal("A sealed secret is not in the form of this version");
        let mut parts = text.split('.');
        let (Some("1"), Some(master), Some(wrapped), Some(sealed), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return Err(broken());
        };
        let bytes = |text| URL_SAFE_NO_PAD.decode(text).map_err(|_| broken());
        Ok(Self {
            master: master.to_owned(),
            wrapped: bytes(wrapped)?,
            sealed: bytes(sealed)?,
        })
    }
}

impl fmt::Display for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wrapped, sealed) = (&self.wrapped, &self.sealed);
        let (wrapped, sealed) = (
            URL_SAFE_NO_PAD.encode(wrapped),
            URL_SAFE_NO_PAD.encode(sealed),
        );
        write!(f, "1.{}.{wrapped}.{sealed}", self.master)
    }
}

/// So many random bytes. Errors: the system has none.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::internal("The system gives no random numbers"))?;
    Ok(bytes)
}

/// Nonce, ciphertext and tag. `about` must be the same when it is opened.
pub fn encrypt(key: &[u8], about: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    let nonce = random::<NONCE_LEN>()?;
    let mut text = plain.to_vec();
    cipher(key)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(about),
            &mut text,
        )
        .map_err(|_| Error::internal("A secret could not be sealed"))?;
    Ok([nonce.as_slice(), &text].concat())
}

/// Errors: `Internal` where key, `about` or a single bit is not what it was.
pub fn decrypt(key: &[u8], about: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
    let broken = || Error::internal("A secret cannot be opened: it, or its key, was changed");
    let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
    let mut text = text.to_vec();
    let plain = cipher(key)?
        .open_in_place(nonce, Aad::from(about), &mut text)
        .map_err(|_| broken())?;
    let length = plain.len();
    text.truncate(length);
    Ok(text)
}

fn cipher(key: &[u8]) -> Result<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key)
        .map(LessSafeKey::new)
        .map_err(|_| Error::internal("A key has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_under_its_own_id_and_key_only() {
        let ring = Keyring::fresh().unwrap();
        let sealed = ring.seal(b"hush").unwrap();
        assert_eq!(ring.open(&sealed).unwrap().expose_secret(), b"hush");
        assert!(!format!("{sealed:?}{ring:?}").contains("hush"));
        let moved = Sealed {
            id: Uuid::now_v7(),
            ..sealed.clone()
        };
        assert!(ring.open(&moved).is_err());
        let error = Keyring::fresh().unwrap().open(&sealed).unwrap_err();
        assert!(error.public_message().contains("was not given"));
        for at in 2..sealed.envelope.len() {
            let mut envelope = sealed.envelope.clone().into_bytes();
            envelope[at] = if envelope[at] == b'A' { b'B' } else { b'A' };
            let envelope = String::from_utf8(envelope).unwrap();
            let changed = Sealed {
                envelope,
                ..sealed.clone()
            };
            let opened = ring.open(&changed);
            // The last character of a base64 text has bits that say nothing.
            assert!(
                opened.is_err() || at + 1 == sealed.envelope.len(),
                "{at}: {changed:?}"
            );
        }
    }

    #[test]
    fn a_new_master_key_takes_over_and_the_old_one_can_go() {
        let (old, new) = (new_key().unwrap(), new_key().unwrap());
        let (old, new) = (old.expose_secret(), new.expose_secret());
        let sealed = Keyring::parse(old).unwrap().seal(b"hush").unwrap();
        let both = Keyring::parse(&format!("# since today\n{new}\n\n{old}\n")).unwrap();
        assert_eq!(both.open(&sealed).unwrap().expose_secret(), b"hush");
        let moved = both.rewrap(&sealed).unwrap().unwrap();
        assert!(both.rewrap(&moved).unwrap().is_none());
        let alone = Keyring::parse(new).unwrap();
        assert_eq!(alone.open(&moved).unwrap().expose_secret(), b"hush");
        assert!(alone.open(&sealed).is_err());
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_shown() {
        for text in ["", "# nothing\n", "c2hvcnQ=", "not base64 at all"] {
            let error = Keyring::parse(text).unwrap_err();
            assert!(text.len() < 4 || !error.public_message().contains(text));
        }
    }
}
