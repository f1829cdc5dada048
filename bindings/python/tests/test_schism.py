"""What a harness in Python does with the package."""

import doctest
import json
import tempfile
import unittest
from pathlib import Path

import schism


def operations(*calls):
    """Events of calls, one after the other: (process, f, key, argument, result)."""
    events = []
    for i, (process, f, key, argument, result) in enumerate(calls):
        event = {"process": process, "f": f, "key": key, "node": "n1"}
        events.append({**event, "time": 2 * i, "type": "invoke", "value": argument})
        events.append({**event, "time": 2 * i + 1, "type": "ok", "value": result})
    return events


STALE = operations((0, "write", "x", 1, 1), (0, "write", "x", 2, 2), (1, "read", "x", None, 1))
FRESH = operations((0, "write", "x", 1, 1), (0, "write", "x", 2, 2), (1, "read", "x", None, 2))


class Check(unittest.TestCase):
    def test_a_stale_read_is_proved(self):
        (verdict,) = schism.check(STALE, ["linearizable"])
        self.assertEqual(verdict.validity, "invalid")
        self.assertEqual(verdict.anomalies[0]["operations"], [0, 1, 2])
        self.assertTrue(verdict.anomalies[0]["confirmation"]["agrees"])

    def test_a_fresh_read_is_valid(self):
        (verdict,) = schism.check(FRESH, ["linearizable"])
        self.assertEqual((verdict.validity, verdict.anomalies), ("valid", []))

    def test_those_that_suit_are_asked_by_default(self):
        names = [verdict.checker for verdict in schism.check(FRESH)]
        self.assertIn("linearizable", names)
        self.assertNotIn("list-order", names)
        self.assertTrue(set(names) <= set(schism.checkers()))

    def test_transactions_are_lists_or_tuples(self):
        txn = operations((0, "txn", None, [("append", "x", 1)], [("append", "x", 1)]))
        self.assertEqual(len(schism.History.from_events(txn)), 1)
        self.assertIn("list-order", [verdict.checker for verdict in schism.check(txn)])

    def test_a_claim_and_a_model_are_judged(self):
        skew = [
            {"time": 0, "process": 0, "type": "invoke", "f": "txn", "value": [["append", "x", 1], ["r", "y", None]]},
            {"time": 1, "process": 1, "type": "invoke", "f": "txn", "value": [["append", "y", 1], ["r", "x", None]]},
            {"time": 2, "process": 0, "type": "ok", "f": "txn", "value": [["append", "x", 1], ["r", "y", []]]},
            {"time": 3, "process": 1, "type": "ok", "f": "txn", "value": [["append", "y", 1], ["r", "x", []]]},
            {"time": 4, "process": 2, "type": "invoke", "f": "txn", "value": [["r", "x", None], ["r", "y", None]]},
            {"time": 5, "process": 2, "type": "ok", "f": "txn", "value": [["r", "x", [1]], ["r", "y", [1]]]},
        ]
        for level, validity in [("serializable", "invalid"), ("snapshot-isolation", "valid")]:
            (verdict,) = schism.check(skew, ["list-append"], level=level)
            self.assertEqual(verdict.validity, validity, level)
        reordered = operations((0, "enqueue", "q", 1, 1), (0, "enqueue", "q", 2, 2), (1, "dequeue", "q", None, 2))
        (verdict,) = schism.check(reordered, model="queue")
        self.assertEqual((verdict.checker, verdict.validity), ("linearizable", "invalid"))
        with self.assertRaisesRegex(ValueError, "there is no level"):
            schism.check(FRESH, level="very")

    def test_bounds_are_kept(self):
        (verdict,) = schism.check(FRESH, ["linearizable"], bytes=1)
        self.assertEqual((verdict.validity, verdict.anomalies), ("unknown", []))


class Files(unittest.TestCase):
    def test_a_file_of_any_format_is_read(self):
        edn = "{:process 0 :type :invoke :f :write :value 1}\n{:process 0 :type :ok :f :write :value 1}\n"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "history.edn"
            path.write_text(edn)
            self.assertEqual(len(schism.History.read(path)), 1)
            self.assertEqual(len(schism.History.from_bytes(edn.encode())), 1)
            with self.assertRaisesRegex(OSError, "nothing.edn"):
                schism.History.read(Path(folder) / "nothing.edn")
        with self.assertRaises(ValueError):
            schism.History.from_bytes(b"?")


class Mistakes(unittest.TestCase):
    def refused(self, event, message):
        with self.assertRaisesRegex(ValueError, message):
            schism.History.from_events([event])

    def test_mistakes_are_named(self):
        good = {"time": 1, "process": 0, "type": "invoke", "f": "read"}
        schism.History.from_events([good])
        self.refused({**good, "time": -1}, 'event 0: "time" is not in nanoseconds')
        self.refused({**good, "type": "done"}, "neither invoke, ok, fail nor info")
        self.refused({**good, "type": "ok"}, "event 0: process 0 completes read, but it has no operation open")
        self.refused({**good, "value": object()}, "a object is no value|an object is no value")
        self.refused({**good, "value": 1 << 80}, "more than 64 bits")
        self.refused({**good, "f": None}, 'no "f"')
        self.refused(7, "an event is a map")
        deep = []
        for _ in range(1000):
            deep = [deep]
        self.refused({**good, "value": deep}, "deeper than")
        with self.assertRaisesRegex(ValueError, "there is no checker"):
            schism.check(FRESH, ["linearisable"])


class Arrow(unittest.TestCase):
    def test_a_table_is_a_history(self):
        import pyarrow as pa

        columns = {
            "time": pa.array([event["time"] for event in STALE]),
            "process": pa.array([event["process"] for event in STALE], pa.int32()),
            "type": pa.array([event["type"] for event in STALE]).dictionary_encode(),
            "f": pa.array([event["f"] for event in STALE]),
            "key": pa.array([event["key"] for event in STALE]),
            "value": pa.array([event["value"] for event in STALE]),
        }
        table = pa.table(columns)
        history = schism.History.from_arrow(table)
        self.assertEqual(len(history), 3)
        (verdict,) = schism.check(history, ["linearizable"])
        self.assertEqual(verdict.validity, "invalid")
        with self.assertRaisesRegex(ValueError, 'no column "f"'):
            schism.History.from_arrow(table.drop_columns(["f"]))
        wrong = table.set_column(0, "time", pa.array([-1] * len(STALE)))
        with self.assertRaisesRegex(ValueError, 'row 0, column "time"'):
            schism.History.from_arrow(wrong)

    def test_lists_and_structs_are_values(self):
        import pyarrow as pa

        table = pa.table(
            {
                "time": [1, 2],
                "process": [0, 0],
                "type": ["invoke", "ok"],
                "f": ["read", "read"],
                "value": pa.array([None, [1, 2]], pa.list_(pa.int64())),
                "key": pa.array([{"a": 1}, {"a": 1}]),
            }
        )
        self.assertEqual(len(schism.History.from_arrow(table)), 1)


class Lists(unittest.TestCase):
    def test_levels_are_a_lattice(self):
        names = [level.name for level in schism.levels()]
        self.assertEqual(names[0], "strict-serializable")
        for level in schism.levels():
            self.assertTrue(set(level.weaker) <= set(names[names.index(level.name) + 1 :]))

    def test_the_example_of_the_package_is_true(self):
        self.assertEqual(doctest.testmod(schism).failed, 0)
        json.dumps(schism.checkers())


if __name__ == "__main__":
    unittest.main()
