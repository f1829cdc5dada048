//! One list, by name, of what the families of stores list each for itself.

use super::Listed;

/// How many there are in all families together.
pub(super) const fn count(families: &[&[Listed]]) -> usize {
    let (mut count, mut family) = (0, 0);
    while family < families.len() {
        count += families[family].len();
        family += 1;
    }
    count
}

/// All of them, by name; `N` is their [`count`]. O(N²), while the crate is compiled.
pub(super) const fn sorted<const N: usize>(families: &[&[Listed]]) -> [Listed; N] {
    let mut all = [families[0][0]; N];
    let (mut filled, mut family) = (0, 0);
    while family < families.len() {
        let mut row = 0;
        while row < families[family].len() {
            let listed = families[family][row];
            let mut at = filled;
            while at > 0 && is_before(listed.name.as_bytes(), all[at - 1].name.as_bytes()) {
                all[at] = all[at - 1];
                at -= 1;
            }
            all[at] = listed;
            filled += 1;
            row += 1;
        }
        family += 1;
    }
    all
}

const fn is_before(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() {
        if a[at] != b[at] {
            return a[at] < b[at];
        }
        at += 1;
    }
    a.len() < b.len()
}
