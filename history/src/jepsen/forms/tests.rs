//! Texts cut into forms, by chunks of any size.

use super::*;

/// The forms of a text and where they begin, read in chunks of one size.
fn forms(
    text: &str,
    notation: Notation,
    chunk: usize,
) -> Result<Vec<(String, u64, usize)>, String> {
    let input = std::io::BufReader::with_capacity(chunk, text.as_bytes());
    let mut forms = Forms::new(input, notation);
    let mut found = Vec::new();
    while let Some((form, place)) = forms.next_form().map_err(|error| error.to_string())? {
        let form = String::from_utf8(form.to_vec()).unwrap();
        found.push((form, place.line, place.column));
    }
    Ok(found)
}

#[track_caller]
fn cuts(text: &str, notation: Notation, expected: &[(&str, u64, usize)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|&(form, line, column)| (form.to_owned(), line, column))
        .collect();
    for chunk in [1, 2, 3, 5, 1000] {
        let found = forms(text, notation, chunk);
        assert_eq!(found.as_ref(), Ok(&expected), "{text:?} by {chunk}");
    }
}

#[test]
fn edn_is_cut_one_by_one_or_out_of_a_list() {
    use Notation::Edn;
    cuts("", Edn, &[]);
    cuts(" , ; only a comment", Edn, &[]);
    cuts("[ ]\n", Edn, &[]);
    cuts("{:a 1} {:b 2}", Edn, &[("{:a 1}", 1, 1), ("{:b 2}", 1, 8)]);
    cuts(
        "; first\n[{:a 1}\n {:b [2 3]},]\n; last\n",
        Edn,
        &[("{:a 1}", 2, 2), ("{:b [2 3]}", 3, 2)],
    );
    cuts("({:a (1)})", Edn, &[("{:a (1)}", 1, 2)]);
    cuts(
        "{:a\n 1 ; }\n}\n{}",
        Edn,
        &[("{:a\n 1 ; }\n}", 1, 1), ("{}", 4, 1)],
    );
    cuts(
        r#"{:a "}\"\\" :b \} :c \"}"#,
        Edn,
        &[(r#"{:a "}\"\\" :b \} :c \"}"#, 1, 1)],
    );
    cuts(
        "#a.Op{:a 1} #_ {:b #{2}} #c ;\n {}",
        Edn,
        &[
            ("#a.Op{:a 1}", 1, 1),
            ("#_ {:b #{2}}", 1, 13),
            ("#c ;\n {}", 1, 26),
        ],
    );
}

#[test]
fn json_is_cut_one_by_one_or_out_of_a_list() {
    use Notation::Json;
    cuts("", Json, &[]);
    cuts("[\n]", Json, &[]);
    cuts(
        "{\"a\": 1}\n{}\n",
        Json,
        &[("{\"a\": 1}", 1, 1), ("{}", 2, 1)],
    );
    cuts(
        "[{\"a\": \"}\\\"]\"},\n{\"b\": [1, 2]}]",
        Json,
        &[("{\"a\": \"}\\\"]\"}", 1, 2), ("{\"b\": [1, 2]}", 2, 1)],
    );
}

#[test]
fn what_is_no_form_is_refused_at_its_place() {
    use Notation::{Edn, Json};
    let cases = [
        (Edn, "{:a 1]", "line 1, column 6: found ], but } closes"),
        (
            Edn,
            "\n\n [{:a 1} 7]",
            "line 3, column 10: found '7', but an operation is a map like {:type",
        ),
        (
            Edn,
            "[{}] {}",
            "line 1, column 6: something follows the list",
        ),
        (
            Edn,
            "[{}",
            "line 1, column 1: the list that begins here has no end",
        ),
        (
            Edn,
            "{}\n {:a \"",
            "line 2, column 2: what begins here has no end",
        ),
        (Edn, "#a", "line 1, column 1: what begins here has no end"),
        (Edn, "#a 7", "line 1, column 4: found '7'"),
        (
            Edn,
            "#_ ; {}",
            "line 1, column 1: what begins here has no end",
        ),
        (Edn, "#\"a\" {}", "line 1, column 2: found '\"'"),
        (Edn, "é", "line 1, column 1: found 'é'"),
        (
            Json,
            "({})",
            "line 1, column 1: found '(', but an operation is a map like {\"type\"",
        ),
        (Json, "[{}{}]", "line 1, column 4: a comma is missing"),
        (
            Json,
            "[{},]",
            "line 1, column 5: an operation is missing after",
        ),
        (Json, "[,{}]", "line 1, column 2: found ','"),
        (Json, "{},{}", "line 1, column 3: found ','"),
        (Json, "; {}", "line 1, column 1: found ';'"),
    ];
    for (notation, text, expected) in cases {
        // A character that two chunks share is not shown whole.
        for chunk in [4, 1000] {
            let error = forms(text, notation, chunk).unwrap_err();
            assert!(error.starts_with(expected), "{text:?} by {chunk}: {error}");
        }
    }
}
