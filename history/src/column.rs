//! A column that most histories lack, and others have a value in for nearly every operation.

/// Values by row, each of which may be absent; takes no memory until it is given one. 8 bytes and a bit a row then.
#[derive(Debug)]
pub(crate) struct Column<T> {
    values: Vec<T>,
    /// One bit a row.
    present: Vec<u64>,
}

impl<T: Copy + Default> Column<T> {
    pub(crate) const fn new() -> Self {
        Self {
            values: Vec::new(),
            present: Vec::new(),
        }
    }

    /// Sets a row. Amortised O(1) when rows are set roughly in order.
    pub(crate) fn set(&mut self, row: usize, value: T) {
        if row >= self.values.len() {
            self.values.resize(row + 1, T::default());
            self.present.resize(row / 64 + 1, 0);
        }
        self.values[row] = value;
        self.present[row / 64] |= 1 << (row % 64);
    }

    /// Gives back what it reserved for more rows.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.values.shrink_to_fit();
        self.present.shrink_to_fit();
    }

    /// The value of a row, if it has one.
    pub(crate) fn get(&self, row: usize) -> Option<T> {
        let word = self.present.get(row / 64)?;
        (word >> (row % 64) & 1 == 1).then(|| self.values[row])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_what_it_was_given() {
        let mut column = Column::new();
        assert_eq!(column.get(0), None);
        for row in [64, 3, 200, 63, 3] {
            column.set(row, row as i64 - 100);
        }
        let set: Vec<_> = (0..300)
            .filter_map(|row| Some((row, column.get(row)?)))
            .collect();
        assert_eq!(set, [(3, -97), (63, -37), (64, -36), (200, 100)]);
    }
}
