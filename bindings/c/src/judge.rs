//! From a request and a history to verdicts as JSON.

use schism_checkers::{Request, Validity};
use schism_history::History;

use crate::boundary::Code;

pub(crate) fn judge(
    history: &History,
    request: Option<&str>,
) -> Result<(Code, String), (Code, String)> {
    let request: Request = match request {
        None => Request::default(),
        Some(text) => serde_json::from_str(text).map_err(|error| {
            (
                Code::Usage,
                format!("the request is none: {error}: {text:?}"),
            )
        })?,
    };
    let verdicts = request
        .judge(history)
        .map_err(|error| (Code::Usage, error.to_string()))?;
    let heaviest = verdicts.iter().fold(Validity::Valid, |heaviest, verdict| {
        heaviest.and(verdict.validity)
    });
    let disagree = verdicts
        .iter()
        .any(|verdict| verdict.disagreement.is_some());
    let code = match heaviest {
        Validity::Invalid => Code::Invalid,
        _ if disagree => Code::Bug,
        Validity::Unknown => Code::Unknown,
        Validity::Valid => Code::Valid,
    };
    let text = serde_json::to_string(&verdicts).expect("verdicts have text keys");
    Ok((code, text))
}
