//! The values that the words of the command line stand for.

use std::ffi::OsString;
use std::num::NonZero;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use apograph_format::UnixMillis;
#[cfg(feature = "cloud")]
use apograph_format::WithCauses;
use apograph_io::Threads;
use apograph_repository::Location;
use apograph_repository::vault::Packing;
#[cfg(feature = "cloud")]
use apograph_repository::vault::store::CloudStore;
use apograph_repository::vault::store::{ObjectName, Store};
use apograph_repository::vault::wrap::Compression;
use clap::builder::{OsStringValueParser, TypedValueParser};
use percent_encoding::percent_decode_str;

/// What the addresses of object stores begin with.
const SCHEMES: [&str; 3] = ["s3://", "gs://", "az://"];
/// More threads than any machine has cores would only be in each other's way.
const THREADS_MAX: usize = 1024;

/// `none`, or a level.
pub(super) fn compress(text: &str) -> Result<Packing, String> {
    if text == "none" {
        return Ok(Packing::Plain);
    }
    let level = text.parse().ok().and_then(Compression::new);
    level
        .map(Packing::Zstd)
        .ok_or_else(|| "it is `none`, or 1 to 19".to_owned())
}

/// A command as the words that a shell would make of it.
#[derive(Debug, Clone)]
pub(crate) struct Words(pub(crate) Vec<String>);

/// Quotes hold words together, and nothing else is done to them.
pub(super) fn words(text: &str) -> Result<Words, String> {
    let words = shell_words::split(text).map_err(|error| error.to_string())?;
    if words.is_empty() {
        return Err("a command is needed".to_owned());
    }
    Ok(Words(words))
}

/// A number with a unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "it is a number with a unit: 90s, 15m, 26h or 8d".to_owned();
    let (unit_at, unit) = text.char_indices().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number = text.get(..unit_at).unwrap_or_default();
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| is_plain).ok_or_else(wrong)?;
    let seconds = number.checked_mul(seconds).ok_or_else(wrong)?;
    Ok(Duration::from_secs(seconds))
}

/// A duration in which something can happen: of a second at least.
pub(crate) fn period(text: &str) -> Result<Duration, String> {
    let period = duration(text)?;
    if period.is_zero() {
        return Err("it is a second at least".to_owned());
    }
    Ok(period)
}

/// A repository is a folder, or the same as a `file://` URL, or a vault in an object store.
pub(super) fn repository() -> impl TypedValueParser<Value = Location> {
    OsStringValueParser::new().try_map(location)
}

/// The same of a word.
pub(crate) fn location(word: OsString) -> Result<Location, String> {
    let Some(text) = word.to_str() else {
        return Ok(PathBuf::from(word).into());
    };
    if text.is_empty() {
        return Err("the name of a folder is needed".to_owned());
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        return match scheme {
            "file" => file_url(rest).map(Location::from),
            "s3" | "gs" | "az" => store(text).map(Location::store),
            _ => Err(format!(
                "a repository is a folder, or at s3://, gs:// or az://: {scheme}:// is not \
                 supported; mount it, and name the folder"
            )),
        };
    }
    // `sftp:host:/backups`, as other backup tools have it, and no folder that is there.
    match text.split_once(':') {
        Some((scheme, _)) if is_scheme(scheme) && !PathBuf::from(text).exists() => Err(format!(
            "a repository is a folder: {scheme}: is not supported; mount it, and name the folder \
             (one whose name begins like this is ./{text})"
        )),
        _ => Ok(PathBuf::from(word).into()),
    }
}

/// What `inspect` looks at.
#[derive(Debug, Clone)]
pub(crate) enum Inspected {
    /// A file, or a folder that is a vault.
    Path(PathBuf),
    /// What is in an object store.
    Stored(StoredAt),
}

/// An address in an object store: that of an object, or of a vault.
#[derive(Debug, Clone)]
pub(crate) struct StoredAt {
    /// As it was written.
    pub(crate) address: PathBuf,
    /// The object; `None` where none has such a name.
    pub(crate) object: Option<(Arc<dyn Store>, ObjectName)>,
    /// The vault.
    pub(crate) vault: Arc<dyn Store>,
}

/// A path, or an address in an object store.
pub(super) fn inspected() -> impl TypedValueParser<Value = Inspected> {
    OsStringValueParser::new().try_map(|word| match word.to_str() {
        Some(text) if SCHEMES.iter().any(|scheme| text.starts_with(scheme)) => {
            stored_at(text).map(Inspected::Stored)
        }
        _ => Ok(Inspected::Path(word.into())),
    })
}

fn stored_at(text: &str) -> Result<StoredAt, String> {
    let vault = store(text)?;
    let parts = text.trim_end_matches('/').rsplit_once('/');
    let named = parts.and_then(|(within, name)| Some((within, ObjectName::parse(name).ok()?)));
    // A bucket is in nothing.
    let named = named.filter(|(within, _)| !within.ends_with('/'));
    let object = named.map(|(within, name)| Ok::<_, String>((store(within)?, name)));
    Ok(StoredAt {
        address: text.into(),
        object: object.transpose()?,
        vault,
    })
}

#[cfg(feature = "cloud")]
fn store(address: &str) -> Result<Arc<dyn Store>, String> {
    let store = CloudStore::open(address).map_err(|error| WithCauses(&error).to_string())?;
    Ok(Arc::new(store))
}

#[cfg(not(feature = "cloud"))]
fn store(_address: &str) -> Result<Arc<dyn Store>, String> {
    Err("this program was built without object stores".to_owned())
}

/// What stands before a colon is a scheme where it can be one; a single letter is none.
fn is_scheme(word: &str) -> bool {
    let mut bytes = word.bytes();
    word.len() > 1
        && bytes
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// The path of a `file://` URL of this machine, percent-decoded.
fn file_url(rest: &str) -> Result<PathBuf, String> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err("a file URL has three slashes: file:///srv/backups".to_owned());
    }
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    Ok(OsString::from_vec(decoded).into())
}

pub(super) fn threads(word: &str) -> Result<Threads, String> {
    let count: Option<NonZero<usize>> = word.parse().ok();
    let count = count.filter(|count| count.get() <= THREADS_MAX);
    count
        .map(Threads::new)
        .ok_or_else(|| format!("expected a number from 1 to {THREADS_MAX}"))
}

/// A number of bytes; the units are powers of 1024, as `wget` and `rsync` have them.
pub(super) fn rate(word: &str) -> Result<NonZero<u64>, String> {
    let digits = word.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let (number, unit) = word.split_at(digits.len());
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => Some(0),
        "k" | "kib" => Some(10),
        "m" | "mib" => Some(20),
        "g" | "gib" => Some(30),
        _ => None,
    };
    let bytes = || {
        let number: u64 = number.parse().ok()?;
        NonZero::new(number.checked_mul(1 << shift?)?)
    };
    bytes().ok_or_else(|| "expected bytes per second, such as 500K, 20MiB or 1G".to_owned())
}

/// An instant needs an offset from UTC. The last hours of the year 9999 are later than a
/// [`jiff::Timestamp`] can be, and an instant all the same.
pub(super) fn instant(word: &str) -> Result<UnixMillis, String> {
    let example = "such as 2026-11-21T03:00:00Z";
    let parser = jiff::fmt::temporal::DateTimeParser::new();
    let pieces = parser.parse_pieces(word);
    let pieces = pieces.map_err(|_| format!("expected a date and a time {example}"))?;
    let time = pieces.time();
    let time = time.ok_or_else(|| format!("a date is a whole day; expected a time {example}"))?;
    let offset = pieces.to_numeric_offset().ok_or_else(|| {
        format!("the offset from UTC is missing: {example}, or ending with +01:00")
    })?;
    let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
    let local = pieces.date().to_datetime(time).duration_since(epoch);
    let millis = local.as_millis() - i128::from(offset.seconds()) * 1000;
    u64::try_from(millis)
        .map(UnixMillis::new)
        .map_err(|_| "the time lies before 1970".to_owned())
}

#[cfg(test)]
mod tests {
    use apograph_testing::strategies::cases;
    use proptest::prelude::*;

    use super::*;
    use crate::display;

    /// The last one that is shown.
    const LAST_MS: u64 = 253_402_207_200_999;

    proptest! {
        #![proptest_config(cases(1000))]

        #[test]
        fn an_instant_is_read_as_it_is_shown(millis in 0..=LAST_MS, minutes in -1439..=1439_i64) {
            let shown = display::time(UnixMillis::new(millis));
            prop_assert_eq!(instant(&shown), Ok(UnixMillis::new(millis)));
            let (sign, ahead) = if minutes < 0 { ('-', -minutes) } else { ('+', minutes) };
            let offset = format!("{sign}{:02}:{:02}", ahead / 60, ahead % 60);
            let expected = millis.checked_add_signed(-minutes * 60_000);
            let found = instant(&shown.replace('Z', &offset)).ok();
            prop_assert_eq!(found, expected.map(UnixMillis::new));
        }
    }

    #[test]
    fn an_instant_has_an_offset() {
        let rows = [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-11-21T06:37:04.331Z", Some(1_795_243_024_331)),
            ("2026-11-21T06:37:04.3319Z", Some(1_795_243_024_331)),
            ("2026-11-21t07:37:04.331+01:00", Some(1_795_243_024_331)),
            ("2026-11-21 06:37:04Z", Some(1_795_243_024_000)),
            ("9999-12-31T23:59:59.999999999Z", Some(253_402_300_799_999)),
            ("2026-11-21T06:37:04", None),
            ("2026-11-21", None),
            ("1969-12-31T23:59:59Z", None),
            ("yesterday", None),
            ("", None),
        ];
        for (word, expected) in rows {
            let found = instant(word).ok().map(UnixMillis::get);
            assert_eq!(found, expected, "{word:?}");
        }
    }

    #[test]
    fn rates_are_read_as_others_read_them() {
        let rows = [
            ("1", Some(1)),
            ("500K", Some(500 << 10)),
            ("20MiB", Some(20 << 20)),
            ("1g", Some(1 << 30)),
            ("7b", Some(7)),
            ("0", None),
            ("", None),
            ("K", None),
            ("-5", None),
            ("5T", None),
            ("5 M", None),
            ("1.5M", None),
            ("18446744073709551615", Some(u64::MAX)),
            ("18014398509481984K", None),
        ];
        for (word, expected) in rows {
            assert_eq!(rate(word).ok().map(NonZero::get), expected, "{word:?}");
        }
    }
}
