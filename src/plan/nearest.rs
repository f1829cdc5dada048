//! "Did you mean …?"

/// The candidate that a mistyped word most likely stands for. Case, `-` and `_` do not count as differences; otherwise
/// about a third of the letters may be wrong, or the word may be the start of exactly one candidate.
pub fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str> + Clone,
) -> Option<&'c str> {
    let folded = fold(word);
    let by_distance = candidates
        .clone()
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&folded, &fold(candidate)),
                candidate,
            )
        })
        .min()
        .filter(|(distance, candidate)| {
            let letters = folded.chars().count().max(candidate.chars().count());
            *distance <= (letters / 3).max(1) && *distance < letters
        })
        .map(|(_, candidate)| candidate);
    by_distance.or_else(|| {
        if folded.chars().count() < 3 {
            return None;
        }
        let mut longer = candidates
            .into_iter()
            .filter(|candidate| fold(candidate).contains(&folded));
        let only = longer.next()?;
        longer.next().is_none().then_some(only)
    })
}

/// What to say about a word that is none of the candidates: the likely one, else all of them.
pub fn suggest<'c>(
    word: &str,
    what: &str,
    candidates: impl IntoIterator<Item = &'c str> + Clone,
) -> String {
    const LISTED_MAX: usize = 24;
    if let Some(candidate) = nearest(word, candidates.clone()) {
        return format!("did you mean `{candidate}`?");
    }
    let all: Vec<_> = candidates.into_iter().collect();
    let mut listed = all
        .iter()
        .take(LISTED_MAX)
        .map(|candidate| format!("`{candidate}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if all.len() > LISTED_MAX {
        listed.push_str(", …");
    }
    format!("{what}: {listed}")
}

fn fold(word: &str) -> String {
    word.to_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORES: [&str; 4] = [
        "kg-abd",
        "kb-quorum-no-writeback",
        "async-failover",
        "single-copy",
    ];

    #[test]
    fn finds_what_was_meant() {
        assert_eq!(nearest("kg-adb", STORES), Some("kg-abd"));
        assert_eq!(nearest("KG_ABD", STORES), Some("kg-abd"));
        assert_eq!(nearest("single_copy", STORES), Some("single-copy"));
        assert_eq!(nearest("quorum", STORES), Some("kb-quorum-no-writeback"));
        assert_eq!(nearest("mongodb", STORES), None);
        assert_eq!(nearest("", STORES), None);
        assert_eq!(nearest("x", [] as [&str; 0]), None);
        assert_eq!(nearest("x", ["y"]), None);
    }

    #[test]
    fn lists_all_when_nothing_is_near() {
        assert_eq!(
            suggest("zz", "there are", ["aa", "bb"]),
            "there are: `aa`, `bb`"
        );
        assert_eq!(
            suggest("ab", "there are", ["aa", "bb"]),
            "did you mean `aa`?"
        );
    }
}
