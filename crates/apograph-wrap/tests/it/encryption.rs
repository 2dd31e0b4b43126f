//! Encrypted streams: who reads them, and what becomes of those that are damaged.

use std::io::{self, Read, Write};

use age::secrecy::ExposeSecret;
use age::x25519;
use apograph_wrap::io::Context;
use apograph_wrap::{
    Compression, Identities, KeyError, Recipients, Result, WrapError, unwrap, wrap,
};

use crate::{SOME, plain};

const ED25519: (&str, &str) = (
    include_str!("keys/ed25519"),
    include_str!("keys/ed25519.pub"),
);
const RSA: (&str, &str) = (include_str!("keys/rsa"), include_str!("keys/rsa.pub"));

/// A new identity file and its recipient.
fn pair() -> (String, String) {
    let identity = x25519::Identity::generate();
    let file = format!(
        "# created: now\n# public key: {0}\n{1}\n",
        identity.to_public(),
        identity.to_string().expose_secret()
    );
    (file, identity.to_public().to_string())
}

fn identities(file: &str) -> Identities {
    let mut identities = Identities::default();
    identities.add(file).expect("an identity");
    identities
}

fn encrypted(plain: &[u8], recipients: &Recipients) -> Vec<u8> {
    let mut out = Vec::new();
    let done = recipients.encrypt(&mut out, |out| {
        out.write_all(plain).map_err(WrapError::Write)
    });
    done.expect("in memory");
    out
}

/// What comes out, and how it ends.
fn decrypted(encrypted: impl Read, identities: &Identities) -> (Vec<u8>, Result<()>) {
    let mut plain = Vec::new();
    let end = identities.decrypt(encrypted, |reader| {
        let read = reader.read_to_end(&mut plain);
        read.map(drop).map_err(WrapError::Read)
    });
    (plain, end)
}

#[test]
fn each_recipient_reads_it_and_nobody_else() {
    let (file, key) = pair();
    let recipients = Recipients::of([&key[..], ED25519.1, RSA.1]).expect("keys");
    let nobody = identities(&pair().0);
    for length in [0, 1, 65_535, 65_536, 65_537, 3 * 65_536, 700_000] {
        let plain = plain(length);
        let encrypted = encrypted(&plain, &recipients);
        for file in [&file, ED25519.0, RSA.0] {
            let (again, end) = decrypted(&encrypted[..], &identities(file));
            end.expect("its recipient");
            assert!(again == plain, "{length}");
        }
        let mut both = nobody.clone();
        both.add(&file).expect("an identity");
        decrypted(&encrypted[..], &both).1.expect("one of two");
        let (none, end) = decrypted(&encrypted[..], &nobody);
        let end = end.expect_err("another identity");
        assert_eq!((none.len(), end.code().as_str()), (0, "identity-missing"));
        let expected = "it is encrypted for others than the identity that was given";
        assert_eq!(end.to_string(), expected);
        let end = decrypted(&encrypted[..], &Identities::default()).1;
        let end = end.expect_err("no identity").to_string();
        assert_eq!(end, "it is encrypted, and no identity was given");
    }
}

#[test]
fn a_wrapped_segment_comes_back_from_its_encryption() {
    let (file, key) = pair();
    let (plain, mut out) = (plain(SOME), Vec::new());
    let recipients = Recipients::of([key]).expect("a key");
    let made = recipients.encrypt(&mut out, |out| {
        wrap(&plain, b"{}", Compression::LOG, Context::default(), out)
    });
    assert_eq!(made.expect("made").plain_bytes, SOME as u64);
    let mut again = Vec::new();
    let record = identities(&file).decrypt(&out[..], |reader| {
        unwrap(reader, Context::default(), |piece| {
            again.extend_from_slice(piece);
            Ok(())
        })
    });
    assert!(again == plain);
    assert_eq!(record.expect("sound"), b"{}");
}

/// What comes out in front of the damage is what was encrypted.
#[track_caller]
fn check_refused(damaged: &[u8], plain: &[u8], identities: &Identities, place: usize) {
    let (found, end) = decrypted(damaged, identities);
    let end = end.expect_err("damaged");
    assert!(plain.starts_with(&found), "{place}");
    let is_told = matches!(
        end,
        WrapError::Damaged { .. } | WrapError::NoIdentity { .. }
    );
    assert!(is_told, "{place}: {end}");
}

#[test]
fn one_that_is_cut_is_refused_wherever() {
    let (file, key) = pair();
    let recipients = Recipients::of([&key[..], RSA.1]).expect("keys");
    for length in [3000, 65_536, 200_000] {
        let plain = plain(length);
        let whole = encrypted(&plain, &recipients);
        let payload = whole.len() - (length + 16 * length.div_ceil(65_536));
        let chunks = (0..length.div_ceil(65_536)).map(|chunk| payload + chunk * (65_536 + 16));
        let places = (0..whole.len()).step_by(997).chain(chunks);
        for place in places.chain([1, payload - 1, whole.len() - 1]) {
            check_refused(&whole[..place], &plain, &identities(&file), place);
        }
        let longer = [&whole[..], b"x"].concat();
        check_refused(&longer, &plain, &identities(&file), whole.len());
    }
}

#[test]
fn a_changed_bit_is_refused_wherever() {
    let (file, key) = pair();
    let recipients = Recipients::of([&pair().1[..], &key, ED25519.1, RSA.1]).expect("keys");
    let plain = plain(2000);
    let whole = encrypted(&plain, &recipients);
    let identities = identities(&file);
    for place in 0..whole.len() {
        for bit in [0x01, 0x20, 0x80] {
            let mut changed = whole.clone();
            changed[place] ^= bit;
            check_refused(&changed, &plain, &identities, place);
        }
    }
}

#[test]
fn chunks_that_are_exchanged_or_left_out_are_refused() {
    let (file, key) = pair();
    let plain = plain(3 * 65_536);
    let whole = encrypted(&plain, &Recipients::of([key]).expect("a key"));
    let chunk = 65_536 + 16;
    let (header, chunks) = whole.split_at(whole.len() - 3 * chunk);
    let chunks: Vec<&[u8]> = chunks.chunks(chunk).collect();
    for order in [
        &[1, 0, 2][..],
        &[0, 2],
        &[0, 2, 1],
        &[2],
        &[0, 1, 1, 2],
        &[0, 1, 2, 2],
    ] {
        let chosen = order.iter().map(|&chunk| chunks[chunk]);
        let changed: Vec<&[u8]> = [header].into_iter().chain(chosen).collect();
        check_refused(&changed.concat(), &plain, &identities(&file), 0);
    }
}

/// Age parses it from its front for each line.
#[test]
fn a_header_without_an_end_is_given_up_soon() {
    let front = b"age-encryption.org/v1\n".to_vec();
    let line = format!("-> X25519 {}\n{}\n", "a".repeat(43), "b".repeat(43));
    let lines = line.repeat(100_000).into_bytes();
    let (none, end) = decrypted(&[front, lines].concat()[..], &identities(&pair().0));
    assert!(none.is_empty());
    assert!(matches!(end, Err(WrapError::Damaged { offset: 0, .. })));
}

/// Gives some bytes, and then an error.
struct Broken<'a>(&'a [u8]);

impl Read for Broken<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::ErrorKind::ConnectionReset.into()),
            count => Ok(count),
        }
    }
}

#[test]
fn a_stream_that_cannot_be_read_is_no_damage() {
    let (file, key) = pair();
    let whole = encrypted(&plain(200_000), &Recipients::of([key]).expect("a key"));
    for length in [0, 30, 150, 100_000, whole.len() - 1] {
        let (_, end) = decrypted(Broken(&whole[..length]), &identities(&file));
        let Err(WrapError::Read(error)) = end else {
            panic!("{end:?}");
        };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{length}");
    }
}

#[test]
fn a_place_that_is_full_ends_it() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let left = self.0.checked_sub(bytes.len());
            self.0 = left.ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let recipients = Recipients::of([pair().1]).expect("a key");
    let plain = plain(200_000);
    let put = |room| {
        recipients.encrypt(&mut Full(room), |out| {
            out.write_all(&plain).map_err(WrapError::Write)
        })
    };
    for room in [0, 100, 100_000, 200_000] {
        let Err(WrapError::Write(error)) = put(room) else {
            panic!("{room}");
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
    // Age puts some random bytes into the header.
    put(210_000).expect("room enough");
}

#[test]
fn an_error_of_who_writes_or_reads_is_handed_on() {
    let (file, key) = pair();
    let recipients = Recipients::of([key]).expect("a key");
    let stop = || WrapError::NotAsPacked { offset: 7 };
    let end: Result<()> = recipients.encrypt(&mut Vec::new(), |_| Err(stop()));
    assert!(matches!(end, Err(WrapError::NotAsPacked { offset: 7 })));
    let whole = encrypted(b"some", &recipients);
    let end: Result<()> = identities(&file).decrypt(&whole[..], |_| Err(stop()));
    assert!(matches!(end, Err(WrapError::NotAsPacked { offset: 7 })));
    // Who does not read to the end is not told that all of it was sound.
    let end = identities(&file).decrypt(&whole[..], |_| Ok(()));
    assert!(matches!(end, Err(WrapError::Damaged { .. })));
}

#[test]
fn recipients_are_those_of_the_age_command() {
    let (_, key) = pair();
    let (_, other) = pair();
    let commented = ED25519.1.trim();
    let bare = commented.strip_suffix(" a test").expect("a comment");
    let recipients = Recipients::of([&key[..], commented, &format!(" {key} "), bare]);
    let recipients = recipients.expect("keys");
    assert_eq!(recipients.keys(), [key.clone(), bare.to_owned()]);
    let are = |keys: &[&str]| recipients.are(&Recipients::of(keys).expect("keys"));
    assert!(are(&[bare, &key]));
    assert!(!are(&[&key]) && !are(&[bare, &key, &other]) && !are(&[bare, &other]));
    let file = format!("# mine\n{key}\n\n  {bare} me@there\n");
    let found: Vec<&str> = Recipients::in_file(&file).collect();
    assert_eq!(found, [key.clone(), format!("{bare} me@there")]);
    let many = (0..33).map(|_| pair().1);
    let error = Recipients::of(many).expect_err("too many");
    assert_eq!(error.to_string(), "33 recipients are more than 32");
}

#[test]
fn what_is_no_recipient_is_refused_and_a_private_key_never_told() {
    let (file, key) = pair();
    let private = file.lines().last().expect("a key");
    let error = |key: &str| Recipients::of([key]).expect_err("refused");
    assert_eq!(
        Recipients::of::<&str>([]).expect_err("none"),
        KeyError::NoRecipient
    );
    for private in [private, &private.to_lowercase()] {
        assert_eq!(error(private), KeyError::Private);
    }
    let cut = &key[..key.len() - 1];
    for cut in [cut, "age1", "ssh-ed25519", "ssh-ed25519 AAAA"] {
        assert_eq!(
            error(cut),
            KeyError::Recipient {
                key: cut.trim().to_owned()
            }
        );
    }
    for other in [
        "",
        "secret words",
        ED25519.0,
        "github:somebody",
        include_str!("keys/ecdsa.pub"),
        "ägäägäägäägääg",
    ] {
        assert_eq!(error(other), KeyError::UnknownRecipient);
    }
    assert_eq!(error("").code().as_str(), "usage");
}

#[test]
fn what_is_no_identity_is_refused_and_never_told() {
    let (file, key) = pair();
    let private = file.lines().last().expect("a key");
    let cases = [
        ("", "the file has none"),
        ("# a comment\n", "the file has none"),
        (
            &key[..],
            "identity file contains non-identity data on line 1",
        ),
        (
            &format!("{private}\n{private}X\n"),
            "identity file contains non-identity data on line 2",
        ),
        (&RSA.0[..400], "it is not a whole SSH key"),
        (
            include_str!("keys/with_passphrase"),
            "the key has a passphrase",
        ),
        (
            include_str!("keys/ecdsa"),
            "an SSH key is of Ed25519 or RSA, and has no passphrase",
        ),
        (
            "age-encryption.org/v1\n-> scrypt",
            "the file is encrypted itself: decrypt it with `age -d`",
        ),
    ];
    for (file, detail) in cases {
        let error = Identities::default().add(file).expect_err("refused");
        let expected = format!("there is no identity that can be used: {detail}");
        assert_eq!(error.to_string(), expected);
    }
    let mut identities = identities(&file);
    assert!(!identities.is_empty() && Identities::default().is_empty());
    for more in [&file, ED25519.0, RSA.0] {
        identities.add(more).expect("more");
    }
    let shown = format!("{identities:?}");
    assert_eq!(
        shown,
        "Identities { keys: [IdentityKey, IdentityKey, IdentityKey, IdentityKey] }"
    );
}
