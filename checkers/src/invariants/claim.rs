//! Violations of an invariant: all are counted, the first of each name are recounted and told.

use schism_history::{History, OpId, Value};

use crate::proof::conclusion::{Case, SecondOpinion};
use crate::proof::story::{Story, remark, step};
use crate::proof::witness::Part;
use crate::verdict::{Anomaly, Confirmation, Picture};

/// Violations of one name that are recounted and told.
const TOLD: usize = 4;

/// A violation, before it is told.
pub(crate) struct Claim {
    /// What happened, in one sentence.
    pub(crate) sentence: String,
    /// The object; nil when there is only one.
    pub(crate) key: Value,
    /// The operations that prove it, in the order in which to tell them.
    pub(crate) operations: Vec<OpId>,
    /// What follows from each of them, where it is more than what they did: the end of a sentence.
    pub(crate) because: Vec<(OpId, String)>,
    /// What else matters: sums over operations that are not named.
    pub(crate) remarks: Vec<String>,
}

impl Claim {
    /// A claim about some operations.
    pub(crate) fn new(sentence: impl Into<String>, key: &Value, operations: Vec<OpId>) -> Self {
        Self {
            sentence: sentence.into(),
            key: key.clone(),
            operations,
            because: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Says what follows from one of the operations: `: the balance is 5 too low`.
    #[must_use]
    pub(crate) fn because(mut self, id: OpId, why: impl Into<String>) -> Self {
        self.because.push((id, why.into()));
        self
    }

    /// Says what else matters.
    #[must_use]
    pub(crate) fn remark(mut self, text: impl Into<String>) -> Self {
        self.remarks.push(text.into());
        self
    }
}

/// What was found so far.
pub(crate) struct Claims<'h> {
    history: &'h History,
    /// Violations in all.
    pub(crate) count: u64,
    /// The first ones of each name, told.
    pub(crate) cases: Vec<Case>,
    told: Vec<(&'static str, usize)>,
    /// Nothing is told: violations are only counted.
    silent: bool,
}

impl<'h> Claims<'h> {
    /// None yet.
    pub(crate) fn new(history: &'h History) -> Self {
        Self {
            history,
            count: 0,
            cases: Vec::new(),
            told: Vec::new(),
            silent: false,
        }
    }

    /// None yet, and none is ever told: they are only counted.
    pub(crate) fn counted(history: &'h History) -> Self {
        Self {
            silent: true,
            ..Self::new(history)
        }
    }

    /// One more violation. `claim` and `recount` are only asked for the first ones of each name. The recount sees the
    /// operations of the claim alone, reads everything else from the history by itself, and says what it found instead
    /// where it does not agree; `by` says how it does that.
    pub(crate) fn report(
        &mut self,
        name: &'static str,
        by: &'static str,
        claim: impl FnOnce() -> Claim,
        recount: impl FnOnce(&History, &[OpId]) -> Result<(), String>,
    ) {
        self.count += 1;
        if self.silent {
            return;
        }
        let place = self.told.iter().position(|&(told, _)| told == name);
        let place = place.unwrap_or_else(|| {
            self.told.push((name, 0));
            self.told.len() - 1
        });
        if self.told[place].1 == TOLD {
            return;
        }
        self.told[place].1 += 1;
        let claim = claim();
        let opinion = match recount(self.history, &claim.operations) {
            Ok(()) => SecondOpinion::Agrees,
            Err(found) => SecondOpinion::Disagrees(found),
        };
        let anomaly = self.tell(name, by, claim, opinion == SecondOpinion::Agrees);
        self.cases.push((anomaly, opinion));
    }

    fn tell(&self, name: &'static str, by: &'static str, claim: Claim, agrees: bool) -> Anomaly {
        let story = Story::of(self.history, claim.operations.iter().copied());
        let mut steps = Vec::with_capacity(claim.operations.len() + claim.remarks.len());
        for &id in &claim.operations {
            let sentence = story.sentence(Part::whole(id));
            let because = claim.because.iter().find(|(about, _)| *about == id);
            let because = because.map_or("", |(_, because)| because);
            steps.push(step(id, format!("{sentence}{because}")));
        }
        steps.extend(claim.remarks.into_iter().map(remark));
        Anomaly {
            name,
            sentence: claim.sentence,
            key: claim.key,
            operations: claim.operations,
            steps,
            confirmation: Confirmation { by, agrees },
            picture: Picture::Intervals,
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use crate::{Checker, Verdict};

    /// The verdict on a drawing whose lines come one after the other, wherever they stand. A line that begins with `&`
    /// begins a moment after the one before it, so that the two overlap.
    pub(crate) fn judge(checker: &dyn Checker, lines: &str) -> Verdict {
        crate::proof::findings::testing::check(checker, &laid_out(lines))
    }

    fn laid_out(lines: &str) -> String {
        let mut drawing = Vec::new();
        let (mut begin, mut free) = (8, 8);
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (line, at) = match line.strip_prefix('&') {
                Some(line) => (line.trim(), begin + 1),
                None => (line, free + 1),
            };
            let (who, what) = line.split_once('|').expect("an operation begins with |");
            begin = at;
            free = free.max(at + what.len() + 1);
            drawing.push(format!("{:at$}|{what}", who.trim()));
        }
        drawing.join("\n")
    }

    /// A figure that is an integer.
    pub(crate) fn figure(verdict: &Verdict, name: &str) -> i64 {
        let figure = verdict.figures.get(name);
        let figure = figure.and_then(schism_history::Value::as_int);
        figure.unwrap_or_else(|| panic!("no integer {name} in {}", verdict.figures))
    }
}
