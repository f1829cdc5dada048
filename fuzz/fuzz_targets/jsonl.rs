//! Lines of our own format are the same history whichever way they are read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use schism_history::{Builder, History, ReadError, jsonl};

fuzz_target!(|lines: &[u8]| {
    let mut file = b"{\"schism\":\"history\",\"version\":1}\n".to_vec();
    file.extend_from_slice(lines);
    let directly = jsonl::read(&file[..]).map(|(history, torn)| (told(&history), torn));
    let by_events = by_events(&file).map(|(history, torn)| (told(&history), torn));
    match (directly, by_events) {
        (Ok(a), Ok(b)) => assert_eq!(a, b),
        (Err(a), Err(b)) => assert_eq!(a.to_string(), b.to_string()),
        (a, b) => panic!("{a:?}\n{b:?}"),
    }
});

fn by_events(file: &[u8]) -> Result<(History, Option<jsonl::Torn>), ReadError> {
    let mut reader = jsonl::Reader::new(file)?;
    let mut builder = Builder::new(reader.header().clone());
    while let Some(event) = reader.next_event()? {
        let line = reader.line();
        builder
            .push(event)
            .map_err(|malformed| ReadError::Malformed { line, malformed })?;
    }
    Ok((builder.finish(), reader.torn()))
}

fn told(history: &History) -> Vec<String> {
    let operations = history.operations().map(|op| {
        let parts = (op.outcome, op.input(), op.output(), op.key(), op.error());
        let more = (op.revision(), op.due(), op.invocation_index(), op.completed);
        format!("{op} {parts:?} {more:?}")
    });
    let rest = [format!(
        "{:?} {:?} {:?} {:?}",
        history.faults(),
        history.phases(),
        history.nodes(),
        history.end()
    )];
    operations.chain(rest).collect()
}
