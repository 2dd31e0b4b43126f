//! Whether an output has what is expected of it.

/// Whether `expected` stands in a text, and not as a part of a longer word or number: 42 is not in
/// 142, −42 or 42.5. A comma is no part of a number, since it stands between two of them more often.
pub(crate) fn is_in(text: &str, expected: &str) -> bool {
    let ends_of_chars = text.char_indices().map(|(at, char)| at + char.len_utf8());
    std::iter::once(0).chain(ends_of_chars).any(|at| {
        let (before, rest) = text.split_at(at);
        rest.strip_prefix(expected).is_some_and(|after| {
            !is_end_of_longer(before, expected) && !is_front_of_longer(expected, after)
        })
    })
}

/// Whether what stands before an expected text belongs to its first word or number.
fn is_end_of_longer(before: &str, expected: &str) -> bool {
    let Some((last, first)) = before.chars().next_back().zip(expected.chars().next()) else {
        return false;
    };
    is_of_word(last) && is_of_word(first) || first.is_numeric() && matches!(last, '.' | '-' | '−')
}

/// Whether what stands after an expected text goes on with its last word or number. A point alone
/// ends a sentence.
fn is_front_of_longer(expected: &str, after: &str) -> bool {
    let mut following = after.chars();
    let Some((last, next)) = expected.chars().next_back().zip(following.next()) else {
        return false;
    };
    let is_decimal = next == '.' && following.next().is_some_and(char::is_numeric);
    is_of_word(last) && is_of_word(next) || last.is_numeric() && is_decimal
}

fn is_of_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

#[cfg(test)]
mod tests {
    use super::is_in;

    #[test]
    fn a_number_is_not_found_in_another_one() {
        for (text, expected, is_there) in [
            ("n: 42\n", "42", true),
            ("142", "42", false),
            ("421", "42", false),
            ("42.5", "42", false),
            ("0.42", "42", false),
            (".42", "42", false),
            ("-42", "42", false),
            ("42e3", "42", false),
            ("-42", "-42", true),
            ("42.5", "42.5", true),
            ("There are 42.", "42", true),
            ("x,42,y", "42", true),
            ("142 42", "42", true),
            ("142 42 42", "42 42", true),
            ("\"n\":42}", "n\":42", true),
            ("n = 42", "= 4", false),
        ] {
            assert_eq!(is_in(text, expected), is_there, "{text}: {expected}");
        }
    }

    #[test]
    fn a_word_is_not_found_in_a_longer_one() {
        for (text, expected, is_there) in [
            ("42 rows", "42 rows", true),
            ("42 rowsets", "42 rows", false),
            ("is_sound", "sound", false),
            ("(sound)", "sound", true),
            ("n =42", "=", true),
            ("größer", "größ", false),
            ("größ er", "größ", true),
            ("x", "", true),
            ("", "x", false),
        ] {
            assert_eq!(is_in(text, expected), is_there, "{text}: {expected}");
        }
    }
}
