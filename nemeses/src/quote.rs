//! The one way by which a value from outside enters a remote shell.

use std::fmt::Write as _;

/// A value that no shell word can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it holds a NUL byte, which no argument of a program can")]
pub struct HasNul;

/// The value as one word for any POSIX `sh`, whatever it holds: quotes, line feeds, `$`, bytes that are no text.
///
/// Text is put between single quotes, where nothing is special but the single quote itself. Bytes that are no UTF-8
/// are written by the remote `printf`, because a script is text. O(length).
///
/// # Errors
/// [`HasNul`]: the value holds a NUL byte.
pub fn quote(value: impl AsRef<[u8]>) -> Result<String, HasNul> {
    let value = value.as_ref();
    if value.contains(&0) {
        return Err(HasNul);
    }
    let mut word = String::with_capacity(value.len() + 2);
    for chunk in value.utf8_chunks() {
        if !chunk.valid().is_empty() {
            word.push('\'');
            word.push_str(&chunk.valid().replace('\'', r"'\''"));
            word.push('\'');
        }
        if !chunk.invalid().is_empty() {
            word.push_str("\"$(printf '");
            for byte in chunk.invalid() {
                // Writing to a string cannot fail.
                let _ = write!(word, "\\{byte:03o}");
            }
            word.push_str("')\"");
        }
    }
    if word.is_empty() {
        word.push_str("''");
    }
    Ok(word)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;

    /// What a real shell makes of the words, with nothing between them.
    fn printed(shell: &str, words: &[String]) -> Vec<u8> {
        let output = Command::new(shell)
            .arg("-c")
            .arg(format!("printf '%s' {}", words.join(" ")))
            .stdin(Stdio::null())
            .output()
            .expect("there is a shell");
        assert!(output.status.success(), "{words:?}: {output:?}");
        assert_eq!(output.stderr, b"");
        output.stdout
    }

    fn shells() -> Vec<&'static str> {
        ["sh", "bash", "busybox sh"]
            .into_iter()
            .filter(|shell| !shell.contains(' '))
            .filter(|shell| {
                Command::new(shell)
                    .args(["-c", ":"])
                    .status()
                    .is_ok_and(|status| status.success())
            })
            .collect()
    }

    #[test]
    fn the_awkward_ones_pass_unchanged() {
        for value in [
            &b""[..],
            b"'",
            b"''",
            b"a b",
            b"$HOME `id` $(id) \\ \" ! * ? ~ # & ; | < > ( ) [ ] { }",
            b"-n",
            b"--",
            b"line\nfeed\n",
            b"\n\n",
            b"tab\tand\rreturn",
            b"\\n \\0377 %s %d",
            "Grüße, \u{1F600}".as_bytes(),
            b"\xff",
            b"\xff\n",
            b"a\xc3(\xe2\x82",
            b"'\x80'",
        ] {
            let word = quote(value).unwrap();
            for shell in shells() {
                assert_eq!(
                    printed(shell, std::slice::from_ref(&word)),
                    value,
                    "{shell} {word}"
                );
            }
        }
    }

    #[test]
    fn a_nul_byte_is_refused() {
        assert_eq!(quote(b"a\0b"), Err(HasNul));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        #[test]
        fn any_bytes_pass_a_real_shell_unchanged(
            values in prop::collection::vec(prop::collection::vec(1u8..=255, 0..40), 1..4)
        ) {
            let words: Vec<String> = values.iter().map(|value| quote(value).unwrap()).collect();
            prop_assert_eq!(printed("sh", &words), values.concat());
        }

        #[test]
        fn shell_syntax_passes_a_real_shell_unchanged(value in r#"[ '"\\$`!*?~#&;|<>(){}\n\t\[\]a-c=-]{0,30}"#) {
            prop_assert_eq!(printed("sh", &[quote(&value).unwrap()]), value.as_bytes());
        }
    }
}
