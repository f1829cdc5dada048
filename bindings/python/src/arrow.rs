//! Events from Arrow's record batches.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use schism_history::{Builder, Event, F, Kind, Process, Time, Value};

/// Pushes the rows of a batch; `row` counts on. Errors name the row and the column.
pub(crate) fn push(
    batch: &RecordBatch,
    builder: &mut Builder,
    row: &mut usize,
) -> Result<(), String> {
    let column = |name: &str| batch.column_by_name(name);
    let needed = |name: &str| column(name).ok_or_else(|| format!("there is no column {name:?}"));
    let (time, process, kind, f) = (
        needed("time")?,
        needed("process")?,
        needed("type")?,
        needed("f")?,
    );
    for i in 0..batch.num_rows() {
        let at = |what: &str, error: String| format!("row {row}, column {what:?}: {error}");
        let of = |name: &str| match column(name) {
            Some(column) => value(column, i).map_err(|error| at(name, error)),
            None => Ok(Value::Nil),
        };
        let text = |name: &str, column: &ArrayRef| match value(column, i)
            .map_err(|error| at(name, error))?
        {
            Value::Text(text) => Ok(text),
            other => Err(at(name, format!("{other} is no text"))),
        };
        let optional_text = |name: &str| match of(name)? {
            Value::Nil => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            other => Err(at(name, format!("{other} is no text"))),
        };
        let number = |name: &str, column: &ArrayRef| match value(column, i)
            .map_err(|error| at(name, error))?
        {
            Value::Int(number) => Ok(number),
            other => Err(at(name, format!("{other} is no integer"))),
        };
        let time = u64::try_from(number("time", time)?)
            .map_err(|_| at("time", "it is in nanoseconds, from 0 on".to_owned()))?;
        let process = u32::try_from(number("process", process)?)
            .map_err(|_| at("process", "it is a number from 0 on".to_owned()))?;
        let kind = text("type", kind)?;
        let kind = Kind::from_name(&kind).ok_or_else(|| {
            at(
                "type",
                format!("{kind:?} is neither invoke, ok, fail nor info"),
            )
        })?;
        let f = F::from(&*text("f", f)?);
        let event = Event {
            key: of("key")?,
            value: of("value")?,
            node: optional_text("node")?,
            error: optional_text("error")?,
            revision: of("revision")?.as_int(),
            ..Event::new(Time::from_nanos(time), Process::client(process), kind, f)
        };
        builder
            .push(event)
            .map_err(|error| format!("row {row}: {error}"))?;
        *row += 1;
    }
    Ok(())
}

/// One cell. Dictionaries are looked up; lists and structs become lists and maps.
fn value(column: &ArrayRef, row: usize) -> Result<Value, String> {
    macro_rules! integer {
        ($type:ty) => {
            Value::Int(i64::from(column.as_primitive::<$type>().value(row)))
        };
    }
    if column.is_null(row) {
        return Ok(Value::Nil);
    }
    Ok(match column.data_type() {
        DataType::Null => Value::Nil,
        DataType::Boolean => Value::Bool(column.as_boolean().value(row)),
        DataType::Int8 => integer!(Int8Type),
        DataType::Int16 => integer!(Int16Type),
        DataType::Int32 => integer!(Int32Type),
        DataType::Int64 => integer!(Int64Type),
        DataType::UInt8 => integer!(UInt8Type),
        DataType::UInt16 => integer!(UInt16Type),
        DataType::UInt32 => integer!(UInt32Type),
        DataType::UInt64 => {
            let number = column.as_primitive::<UInt64Type>().value(row);
            Value::Int(
                i64::try_from(number).map_err(|_| format!("{number} has more than 63 bits"))?,
            )
        }
        DataType::Float32 => {
            Value::Float(f64::from(column.as_primitive::<Float32Type>().value(row)))
        }
        DataType::Float64 => Value::Float(column.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Value::from(column.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Value::from(column.as_string::<i64>().value(row)),
        DataType::Utf8View => Value::from(column.as_string_view().value(row)),
        DataType::Dictionary(..) => {
            let dictionary = column.as_any_dictionary();
            let key = dictionary.normalized_keys()[row];
            value(dictionary.values(), key)?
        }
        DataType::List(_) => items(&column.as_list::<i32>().value(row))?,
        DataType::LargeList(_) => items(&column.as_list::<i64>().value(row))?,
        DataType::Struct(fields) => {
            let parts = column.as_struct();
            let parts: Result<Vec<(Arc<str>, Value)>, String> = fields
                .iter()
                .zip(parts.columns())
                .map(|(field, part)| Ok((Arc::from(&**field.name()), value(part, row)?)))
                .collect();
            Value::Map(parts?.into())
        }
        other => return Err(format!("values of type {other} are not understood")),
    })
}

fn items(list: &ArrayRef) -> Result<Value, String> {
    let items: Result<Vec<Value>, String> = (0..list.len()).map(|i| value(list, i)).collect();
    Ok(Value::List(items?.into()))
}
