//! Many names of one store, as a table.

/// Makes a [`Preset`](crate::Preset) of each row, and `PRESETS` of all rows. What a row says stands in its doc comment;
/// the last expression is the options.
///
/// ```ignore
/// presets! { Serial in "serial";
///     /// Right.
///     KgSerial = "kg-serial": good, "one copy of everything", offers Capability::ALL,
///         flagged by [], passed by ["linearizable"], options SerialOptions::default();
/// }
/// ```
macro_rules! presets {
    (@good good) => { true };
    (@good bad) => { false };
    ($store:ident in $file:literal;
     $($(#[$doc:meta])* $row:ident = $name:literal: $good:ident, $summary:literal, offers $offers:expr,
       flagged by [$($flagged:literal),* $(,)?], passed by [$($passed:literal),* $(,)?], options $options:expr;)+) => {
        $(
            $(#[$doc])*
            pub(crate) struct $row;

            impl $crate::Preset for $row {
                type Store = $store;
                const FILE: &'static str = $file;
                const NAME: &'static str = $name;
                const GOOD: bool = presets!(@good $good);
                const SUMMARY: &'static str = $summary;
                const CAPABILITIES: &'static [$crate::Capability] = $offers;
                const FLAGGED_BY: &'static [&'static str] = &[$($flagged),*];
                const PASSED_BY: &'static [&'static str] = &[$($passed),*];

                fn options() -> <$store as $crate::Store>::Options {
                    $options
                }
            }
        )+

        /// All names of the store.
        pub(crate) const PRESETS: &[$crate::Listed] = &[$($crate::Listed::of::<$row>()),+];
    };
}
