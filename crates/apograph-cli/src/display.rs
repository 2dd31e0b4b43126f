//! Numbers and times as people and programs read them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write;
use std::path::Path;

use apograph_format::{Epoch, Point, PointName, UnixMillis};
use serde_json::{Map, Value, json};

/// A point, without the number of a timeline that is not counted.
pub(crate) fn point_name(point: Point, is_counted: bool) -> String {
    if is_counted {
        point.to_string()
    } else {
        format!("?:{}", point.epoch)
    }
}

/// RFC 3339 in UTC with milliseconds; `None` past the year 9999.
pub(crate) fn rfc3339(time: UnixMillis) -> Option<String> {
    Some(
        timestamp(time)?
            .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
            .to_string(),
    )
}

/// RFC 3339 in UTC with milliseconds, for people.
pub(crate) fn instant(time: UnixMillis) -> String {
    rfc3339(time).unwrap_or_else(|| "an unknown time".to_owned())
}

/// A time in a table, as `--time` takes it.
pub(crate) fn time(time: UnixMillis) -> String {
    rfc3339(time).unwrap_or_else(|| "unknown".to_owned())
}

fn timestamp(time: UnixMillis) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(i64::try_from(time.get()).ok()?).ok()
}

/// A size in the largest unit that leaves at least 1.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `1 commit`, `2 commits`.
pub(crate) fn count(number: u64, what: &str) -> String {
    if number == 1 {
        format!("1 {what}")
    } else {
        format!("{number} {what}s")
    }
}

/// `epoch 3`, `epochs 3 to 5`; `no epoch` where the end lies before the start.
pub(crate) fn epochs(from: Epoch, to: Epoch) -> String {
    match from.cmp(&to) {
        Ordering::Less => format!("epochs {from} to {to}"),
        Ordering::Equal => format!("epoch {from}"),
        Ordering::Greater => format!("up to epoch {to} of another timeline, or no epoch"),
    }
}

/// Text on one line of a terminal: what could act on it, or would not be seen, is escaped.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_escaped) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if is_escaped(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped.into()
}

/// Characters that have no shape of their own, or turn the text around them: those of the general
/// categories Cf, Zl and Zp (`DerivedGeneralCategory.txt`), and the default ignorable ones
/// (`DerivedCoreProperties.txt`), of Unicode 16, each from the first to the last.
const UNSEEN: [(char, char); 25] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

fn is_escaped(character: char) -> bool {
    let is_unseen = || {
        let after = UNSEEN.partition_point(|(first, _)| *first <= character);
        let range = after.checked_sub(1).and_then(|at| UNSEEN.get(at));
        range.is_some_and(|(_, last)| character <= *last)
    };
    character.is_control() || !character.is_ascii() && is_unseen()
}

/// A path on one line of a terminal.
pub(crate) fn path(path: &Path) -> String {
    plain(&path.to_string_lossy()).into_owned()
}

/// A path under a key; where it is not UTF-8, its bytes in hexadecimal beside it.
pub(crate) fn put_path(object: &mut Map<String, Value>, key: &str, path: &Path) {
    object.insert(key.to_owned(), json!(path.to_string_lossy()));
    if path.to_str().is_none() {
        let bytes = path.as_os_str().as_encoded_bytes();
        let hexadecimal = bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        object.insert(format!("{key}_bytes"), json!(hexadecimal));
    }
}

/// JSON on one line. It stands in strings alone that a control character could act on a terminal.
pub(crate) fn line(value: &Value) -> String {
    let line = value.to_string();
    if !line.contains(char::is_control) {
        return line;
    }
    let mut escaped = String::with_capacity(line.len());
    for character in line.chars() {
        if character.is_control() {
            let _ = write!(escaped, "\\u{:04x}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// A point as JSON: the epoch as a number where that names it, else `"2:57"`.
pub(crate) fn point(name: Option<PointName>) -> Value {
    match name {
        Some(PointName {
            timeline: None,
            epoch,
            further: None,
        }) => json!(epoch.get()),
        Some(name) => json!(name.to_string()),
        None => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        let rows = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (24_576, "24.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (u64::MAX, "16384.0 PiB"),
        ];
        for (bytes, expected) in rows {
            assert_eq!(size(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn what_acts_on_a_terminal_or_is_not_seen_is_escaped() {
        let rows = [
            ("Ada Lovelace \u{e9}\u{65e5}\u{1f600}\u{a0}", None),
            ("a\u{1b}[2J\u{7f}\u{9b}", Some("a\\u{1b}[2J\\u{7f}\\u{9b}")),
            ("L\u{202e}nimda", Some("L\\u{202e}nimda")),
            ("Ad\u{200b}min", Some("Ad\\u{200b}min")),
            ("\u{feff}\u{ad}\u{2066}", Some("\\u{feff}\\u{ad}\\u{2066}")),
            ("a\u{2028}b\u{2029}", Some("a\\u{2028}b\\u{2029}")),
            ("\u{e0001}\u{e0041}", Some("\\u{e0001}\\u{e0041}")),
        ];
        for (text, expected) in rows {
            assert_eq!(plain(text), expected.unwrap_or(text));
        }
        let ends = UNSEEN.iter().flat_map(|(first, last)| [first, last]);
        assert!(ends.is_sorted());
    }

    #[test]
    fn times_have_milliseconds() {
        let millis = UnixMillis::new(1_795_243_024_331);
        assert_eq!(rfc3339(millis).as_deref(), Some("2026-11-21T06:37:04.331Z"));
        assert_eq!(time(millis), "2026-11-21T06:37:04.331Z");
        assert_eq!(time(UnixMillis::new(u64::MAX)), "unknown");
        assert_eq!(rfc3339(UnixMillis::new(u64::MAX)), None);
    }
}
