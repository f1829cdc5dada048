//! One cell of a table as a value.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType};
use arrow_schema::{DataType, TimeUnit};

use crate::json::Parser;
use crate::scratch::Scratch;
use crate::{MAX_DEPTH, Value};

/// Integers up to this are floats without loss.
const WHOLE_MOST: f64 = (1_u64 << 53) as f64;

/// The value in a row. Dictionaries are looked up; times become nanoseconds.
pub(super) fn value(
    column: &ArrayRef,
    row: usize,
    depth: usize,
    scratch: &mut Scratch,
) -> Result<Value, String> {
    macro_rules! integer {
        ($type:ty) => {
            Value::Int(column.as_primitive::<$type>().value(row).into())
        };
    }
    if column.is_null(row) {
        return Ok(Value::Nil);
    }
    if depth > MAX_DEPTH {
        return Err(format!("it is nested deeper than {MAX_DEPTH} levels"));
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
            let number = i64::try_from(number);
            Value::Int(number.map_err(|_| "it has more than 63 bits".to_owned())?)
        }
        DataType::Float32 => float(column.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => float(column.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp(TimeUnit::Second, _) => nanos::<TimestampSecondType>(column, row, 9)?,
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            nanos::<TimestampMillisecondType>(column, row, 6)?
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            nanos::<TimestampMicrosecondType>(column, row, 3)?
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            nanos::<TimestampNanosecondType>(column, row, 0)?
        }
        DataType::Duration(TimeUnit::Second) => nanos::<DurationSecondType>(column, row, 9)?,
        DataType::Duration(TimeUnit::Millisecond) => {
            nanos::<DurationMillisecondType>(column, row, 6)?
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            nanos::<DurationMicrosecondType>(column, row, 3)?
        }
        DataType::Duration(TimeUnit::Nanosecond) => {
            nanos::<DurationNanosecondType>(column, row, 0)?
        }
        DataType::Dictionary(..) => {
            let dictionary = column.as_any_dictionary();
            let key = dictionary.normalized_keys()[row];
            value(dictionary.values(), key, depth, scratch)?
        }
        DataType::List(_) => items(&column.as_list::<i32>().value(row), depth, scratch)?,
        DataType::LargeList(_) => items(&column.as_list::<i64>().value(row), depth, scratch)?,
        DataType::FixedSizeList(..) => {
            items(&column.as_fixed_size_list().value(row), depth, scratch)?
        }
        DataType::Struct(fields) => {
            let parts = column.as_struct();
            let parts: Result<Vec<(Arc<str>, Value)>, String> = fields
                .iter()
                .zip(parts.columns())
                .map(|(field, part)| {
                    let name = scratch.texts.share(field.name());
                    Ok((name, value(part, row, depth + 1, scratch)?))
                })
                .collect();
            Value::Map(parts?.into())
        }
        DataType::Map(..) => {
            let entries = column.as_map().value(row);
            let (names, parts) = (entries.column(0), entries.column(1));
            let entries: Result<Vec<(Arc<str>, Value)>, String> = (0..entries.len())
                .map(|i| {
                    let name = match value(names, i, depth + 1, scratch)? {
                        Value::Text(name) => name,
                        other => Arc::from(other.to_string()),
                    };
                    Ok((name, value(parts, i, depth + 1, scratch)?))
                })
                .collect();
            Value::Map(entries?.into())
        }
        other => match text(column, row) {
            Some(text) => Value::Text(scratch.texts.share(text)),
            None => return Err(format!("values of type {other} are not understood")),
        },
    })
}

/// The value in a row of a column of JSON.
pub(super) fn json(column: &ArrayRef, row: usize, scratch: &mut Scratch) -> Result<Value, String> {
    if column.is_null(row) {
        return Ok(Value::Nil);
    }
    let Some(text) = text(column, row) else {
        return Err(format!("JSON is text, and this is {}", column.data_type()));
    };
    let parsed = Parser::new(text.as_bytes(), scratch).and_then(|mut parser| {
        let value = parser.value(0)?;
        parser.end().map(|()| value)
    });
    parsed.map_err(|fault| format!("its JSON, at byte {}: {}", fault.at, fault.reason))
}

/// The text in a row; `None` where the column is none of texts.
fn text(column: &ArrayRef, row: usize) -> Option<&str> {
    Some(match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row),
        DataType::Utf8View => column.as_string_view().value(row),
        _ => return None,
    })
}

fn float(x: f64) -> Value {
    let is_whole = x.fract() == 0.0 && x.abs() <= WHOLE_MOST;
    if is_whole && (x != 0.0 || x.is_sign_positive()) {
        Value::Int(x as i64)
    } else {
        Value::Float(x)
    }
}

/// A time, of which 10 to the power of `digits` nanoseconds make one.
fn nanos<T: ArrowPrimitiveType<Native = i64>>(
    column: &ArrayRef,
    row: usize,
    digits: u32,
) -> Result<Value, String> {
    let ticks = column.as_primitive::<T>().value(row);
    let nanos = ticks.checked_mul(10_i64.pow(digits));
    let nanos = nanos.ok_or_else(|| "as nanoseconds it has more than 63 bits".to_owned())?;
    Ok(Value::Int(nanos))
}

fn items(list: &ArrayRef, depth: usize, scratch: &mut Scratch) -> Result<Value, String> {
    let items: Result<Vec<Value>, String> = (0..list.len())
        .map(|i| value(list, i, depth + 1, scratch))
        .collect();
    Ok(Value::List(items?.into()))
}
