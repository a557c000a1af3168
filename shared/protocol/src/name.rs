//! Names of users, which other people see: nothing in them may hide, reorder or break a line.

use unicode_normalization::IsNormalized;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::is_nfc_quick;

use crate::InvalidId;
use crate::limits::NAME_CHARS;

/// The name in Unicode's normalization form C, if it may be shown: 1 to 64 characters, not only
/// white space, no control, bidi-override or zero-width character.
///
/// # Errors
/// What is wrong with it; the text itself is not repeated.
pub fn display_name(text: &str) -> Result<String, InvalidId> {
    let refuse = |why| Err(InvalidId { what: "name", why });
    // A character of the normal form never takes fewer than a third of the characters written, so
    // a longer text need not be normalised to be refused.
    if text.len() > NAME_CHARS * 4 * 3 {
        return refuse("is longer than 64 characters");
    }
    let name = match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => String::from(text),
        IsNormalized::No | IsNormalized::Maybe => text.nfc().collect(),
    };
    if name.chars().all(char::is_whitespace) {
        return refuse("is empty");
    }
    if name.chars().count() > NAME_CHARS {
        return refuse("is longer than 64 characters");
    }
    if name.chars().any(is_deceptive) {
        return refuse("has a control, bidi-override or zero-width character");
    }
    Ok(name)
}

/// Whether a character is not seen but changes what is: controls, line and paragraph separators,
/// marks of writing direction, characters of no width, tags.
pub(crate) fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised_and_hidden_characters_refused() {
        let sixty_four = "ä".repeat(64);
        let sixty_five = "ä".repeat(65);
        let cases: [(&str, Result<&str, &str>); 16] = [
            ("Ann", Ok("Ann")),
            ("Ann Lee", Ok("Ann Lee")),
            ("Åsa", Ok("Åsa")),
            ("A\u{30a}sa", Ok("Åsa")),
            ("李小龙", Ok("李小龙")),
            ("<b>Ann</b>", Ok("<b>Ann</b>")),
            (&sixty_four, Ok(&sixty_four)),
            (&sixty_five, Err("is longer than 64 characters")),
            ("", Err("is empty")),
            (" \u{a0} ", Err("is empty")),
            (
                "a\nb",
                Err("has a control, bidi-override or zero-width character"),
            ),
            (
                "a\u{85}b",
                Err("has a control, bidi-override or zero-width character"),
            ),
            (
                "\u{202e}nnA",
                Err("has a control, bidi-override or zero-width character"),
            ),
            (
                "A\u{200b}nn",
                Err("has a control, bidi-override or zero-width character"),
            ),
            (
                "A\u{2066}nn",
                Err("has a control, bidi-override or zero-width character"),
            ),
            (
                "A\u{e0041}",
                Err("has a control, bidi-override or zero-width character"),
            ),
        ];
        for (text, expected) in cases {
            let got = display_name(text);
            assert_eq!(got.as_deref().map_err(|e| e.why), expected, "{text:?}");
        }
    }

    #[test]
    fn a_long_name_of_combining_marks_is_counted_after_normalisation() {
        let decomposed = "e\u{301}".repeat(64);
        assert_eq!(display_name(&decomposed).unwrap(), "é".repeat(64));
    }
}
