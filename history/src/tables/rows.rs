//! Rows of record batches as events.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field as Column};

use super::{JSON, cell};
use crate::field::{Field, Fields};
use crate::jepsen::{Draft, Options, Order, Rest, Retimed};
use crate::scratch::Scratch;
use crate::{Event, ReadError, Value};

/// What begins the name of a column that pandas adds.
const OF_PANDAS: &str = "__index_level_";

/// Makes events of the rows of record batches, one batch after another.
pub struct Rows {
    options: Options,
    order: Order,
    scratch: Scratch,
    /// The next row, from 0.
    row: u64,
    /// The time of the first row, where times are timestamps.
    epoch: Option<i64>,
}

/// What a column of a batch is for.
enum Role<'a> {
    Field(Field),
    /// No field of an event has its name.
    Other(&'a str),
}

struct Seat<'a> {
    role: Role<'a>,
    cells: &'a ArrayRef,
    is_json: bool,
    is_timestamp: bool,
}

impl Rows {
    /// From the first row on.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            order: Order::default(),
            scratch: Scratch::default(),
            row: 0,
            epoch: None,
        }
    }

    /// How many rows there were.
    pub fn row(&self) -> u64 {
        self.row
    }

    /// How many times were raised to keep the order of the rows.
    pub fn retimed(&self) -> Option<Retimed> {
        self.order.retimed()
    }

    /// The events of a batch's rows. O(cells).
    ///
    /// # Errors
    /// A column that must be there is not, or a row is no event; with the row, counted over all batches from 0, and the
    /// column. Nothing more is read after that.
    pub fn events(&mut self, batch: &RecordBatch) -> Result<Vec<Event>, ReadError> {
        let seats = seats(batch)?;
        let mut events = Vec::with_capacity(batch.num_rows());
        for i in 0..batch.num_rows() {
            events.push(self.event(&seats, i)?);
            self.row += 1;
        }
        Ok(events)
    }

    fn event(&mut self, seats: &[Seat<'_>], i: usize) -> Result<Event, ReadError> {
        let row = self.row;
        let mut draft = Draft::new();
        let mut error = Value::Nil;
        let mut unknown = Vec::new();
        for seat in seats {
            let value = self.value(seat, i);
            let set = value.and_then(|value| match seat.role {
                Role::Other(_) if value.is_nil() => Ok(()),
                Role::Other(name) => {
                    unknown.push((name.to_owned(), value));
                    Ok(())
                }
                Role::Field(Field::Error) => {
                    error = value;
                    Ok(())
                }
                Role::Field(Field::Key) if self.options.keyed && value.is_nil() => Ok(()),
                Role::Field(field) => draft.sees(field).and_then(|()| draft.set(field, value)),
            });
            set.map_err(|reason| ReadError::Cell {
                row,
                column: seat.name().to_owned(),
                reason,
            })?;
        }
        draft.rest = Rest::from_json(Some(&error), &unknown);
        let event = draft.finish(&self.options, &mut self.order);
        event.map_err(|reason| ReadError::Row { row, reason })
    }

    /// A cell as the field's reader takes it.
    fn value(&mut self, seat: &Seat<'_>, i: usize) -> Result<Value, String> {
        let value = if seat.is_json {
            cell::json(seat.cells, i, &mut self.scratch)?
        } else {
            cell::value(seat.cells, i, 1, &mut self.scratch)?
        };
        Ok(match (&seat.role, value) {
            (Role::Field(Field::Time), Value::Int(time)) if seat.is_timestamp => {
                Value::Int(time.saturating_sub(*self.epoch.get_or_insert(time)))
            }
            (Role::Field(Field::Due), Value::Int(time)) if seat.is_timestamp => {
                Value::Int(time.saturating_sub(self.epoch.unwrap_or_default()))
            }
            (Role::Field(Field::Process), Value::Int(-1)) => Value::from("nemesis"),
            (Role::Field(field @ (Field::Index | Field::Time | Field::Due)), Value::Int(n))
                if n < 0 =>
            {
                let name = field.name();
                return Err(format!("{name} is {n}; it is an integer, and not negative"));
            }
            (Role::Field(Field::Process), Value::Text(text)) => {
                text.parse().map_or(Value::Text(text), Value::Int)
            }
            (_, value) => value,
        })
    }
}

impl Seat<'_> {
    fn name(&self) -> &str {
        match self.role {
            Role::Field(field) => field.name(),
            Role::Other(name) => name,
        }
    }
}

/// The columns of a batch, that of the time first: others count from it.
fn seats(batch: &RecordBatch) -> Result<Vec<Seat<'_>>, ReadError> {
    let schema = batch.schema_ref();
    let columns = schema.fields().iter().zip(batch.columns());
    let mut seen = Fields::default();
    let mut seats = Vec::new();
    for (column, cells) in columns {
        let name = column.name().as_str();
        let role = match Field::from_name(name) {
            Some(field) if !seen.insert(field) => {
                let reason = format!("there are two columns {name:?}");
                return Err(ReadError::Table { reason });
            }
            Some(field) => Role::Field(field),
            None if name.starts_with(OF_PANDAS) => continue,
            None => Role::Other(name),
        };
        seats.push(Seat {
            role,
            cells,
            is_json: is_json(column),
            is_timestamp: matches!(column.data_type(), DataType::Timestamp(..)),
        });
    }
    if let Some(missing) = seen.missing(&[Field::Process, Field::Type]) {
        let names: Vec<&str> = seats.iter().map(Seat::name).collect();
        let reason = format!(
            "there is no column {:?}; a history has one row an event, with the columns process, type, f, time, key and \
             value; here they are {}",
            missing.name(),
            names.join(", ")
        );
        return Err(ReadError::Table { reason });
    }
    seats.sort_by_key(|seat| !matches!(seat.role, Role::Field(Field::Time)));
    Ok(seats)
}

fn is_json(column: &Column) -> bool {
    column.extension_type_name() == Some(JSON)
}
