use super::*;
use schism_history::testing::history;
use schism_history::{Event, F, Kind, Process, Time};

/// What the page's script does.
fn decode(text: &str) -> Vec<u64> {
    let (mut numbers, mut number, mut shift) = (Vec::new(), 0, 0);
    for c in text.bytes() {
        let digit = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        number |= u64::from(digit & 31) << shift;
        shift += 5;
        if digit < 32 {
            numbers.push(number);
            (number, shift) = (0, 0);
        }
    }
    numbers
}

#[test]
fn numbers_round_trip() {
    let numbers = [0, 1, 31, 32, 1_000_000, u64::from(u32::MAX), u64::MAX];
    let mut text = String::new();
    for n in numbers {
        write_number(n, &mut text);
    }
    assert_eq!(decode(&text), numbers);
}

#[test]
fn operations_become_rows() {
    let history = history(
        "
0@n1 |w x 7|
1@n2   |r x -> 7|
2                |w x 8 ?
",
    );
    let frame = Frame::of(&history);
    let data = Data::new(&history, &frame, &[], &[]);
    assert_eq!(data.keys, ["nil", "(left out)", "x"]);
    assert_eq!(data.values, ["nil", "(left out)", "7", "8"]);
    let rows: Vec<Vec<u64>> = decode(&data.operations)
        .chunks(11)
        .map(<[u64]>::to_vec)
        .collect();
    assert_eq!(
        rows,
        [
            vec![0, 5_001, 6_000, 0, 0, 0, 2, 1, 2, 2, 0],
            vec![1, 2_000, 9_000, 0, 1, 3, 2, 2, 0, 2, 0],
            vec![1, 10_000, 0, 0, 2, 1, 2, 0, 3, 0, 0],
        ]
    );
}

/// A long history in which each write has its own, long value.
fn long(n: u32) -> History {
    let mut builder = History::builder();
    for i in 0..n {
        let kind = if i % 1_000 == 0 { Kind::Fail } else { Kind::Ok };
        let process = Process::client(0);
        let value = format!("{i:0>50}");
        let at = |offset| Time::from_micros(u64::from(i) * 10 + offset);
        builder
            .push(Event::new(at(0), process, Kind::Invoke, F::Write).value(value.as_str()))
            .unwrap();
        builder
            .push(Event::new(at(5), process, kind, F::Write).value(value.as_str()))
            .unwrap();
    }
    builder.finish()
}

#[test]
fn a_page_has_the_anomalies_the_failures_and_a_sample() {
    let history = long(150_000);
    let marked = BTreeSet::from([OpId(70_001)]);
    let chosen = choose(&history, &marked);
    let count = |rank| chosen.iter().filter(|r| **r == rank).count();
    assert_eq!(count(Rank::Near), 2 * NEIGHBOURS + 1);
    assert_eq!(
        count(Rank::Near) + count(Rank::Sampled),
        OPERATIONS_MOST,
        "no more than fit"
    );
    assert!(chosen[69_001..=71_001].iter().all(|r| *r == Rank::Near));
    for failed in (0..150_000).step_by(1_000) {
        assert!(chosen[failed] != Rank::No, "failure {failed}");
    }
    // Even: no stretch of the run is without a sample.
    assert!(
        chosen
            .chunks(100)
            .all(|stretch| stretch.iter().any(|r| *r != Rank::No))
    );
    let texts = Texts::new(&history, &chosen);
    let bytes: usize = texts.values.list.iter().map(String::len).sum();
    assert!(bytes <= TEXT_MOST + 100, "{bytes}");
    let near = history.operation(OpId(70_001)).input_id;
    assert!(
        texts.values.number(near.0) > LEFT_OUT,
        "anomalies come first"
    );
}

#[test]
fn text_cannot_leave_its_script_element() {
    let history = history("0 |w </script><!--\u{200b}& 1|");
    let frame = Frame::of(&history);
    let script = Data::new(&history, &frame, &[], &[]).to_script();
    assert!(!script.contains(['<', '>', '&', '\u{2028}']), "{script}");
    let read: serde_json::Value = serde_json::from_str(&script).unwrap();
    assert_eq!(read["keys"][2], "</script><!--\u{200b}&");
}
