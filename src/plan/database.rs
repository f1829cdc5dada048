//! The database of a plan: its client by name, and how its processes are run, as data.
//!
//! In TOML both stand in one table: `etcd = { reads = "linearizable" }` beside `port`, `start` and the like. The name
//! is a key among the others, so that a mistake in its options is reported at its own place.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use schism_nemeses::ProcessRule;
use schism_workloads::clients::{DATABASES, Spec};
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, VariantAccess, Visitor,
};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

/// The database under test, and how its processes are run.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// Which it is, with its client's options.
    pub client: Spec,
    /// The TCP port for clients.
    pub port: u16,
    /// How its processes are run.
    pub service: Service,
}

/// How a database's processes are started, stopped and recognised. Scripts are for `sh`.
///
/// What is absent does not exist, but for the scripts in a lab: there it is the lab's own, which differs by node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Starts the database in the background; does nothing when it runs.
    pub start: Option<String>,
    /// Ends it and waits until it has ended.
    pub stop: Option<String>,
    /// What the kernel calls its processes (`/proc/PID/comm`).
    pub process: Option<String>,
    /// An extended regular expression that their command line must match besides.
    pub pattern: Option<String>,
    /// As whom the scripts run; as root when absent.
    pub user: Option<String>,
    /// The root of its data.
    pub data: Option<String>,
    /// Its log files.
    pub logs: Option<Vec<String>>,
    /// Texts that only a crash writes to the logs.
    pub crash: Option<Vec<String>>,
}

impl Service {
    /// How faults find the database's processes; `None` when it is not known what they are called.
    pub fn process_rule(&self) -> Option<ProcessRule> {
        Some(ProcessRule {
            name: self.process.clone()?,
            pattern: self.pattern.clone(),
            start: self.start.clone(),
            stop: self.stop.clone(),
            user: self.user.clone(),
        })
    }
}

/// `[database]` as it stands in TOML.
#[derive(Clone, Debug, Default)]
pub(super) struct RawDatabase {
    pub(super) clients: Vec<Spec>,
    pub(super) own: Own,
}

/// Its keys beside the name of the database.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Own {
    /// The TCP port for clients. When absent: the database's usual one.
    #[schemars(range(min = 1))]
    pub(super) port: Option<u16>,
    /// A script that starts the database in the background, and does nothing when it runs.
    pub(super) start: Option<String>,
    /// A script that ends the database and waits until it has ended.
    pub(super) stop: Option<String>,
    /// What the kernel calls its processes; at most 15 characters.
    #[schemars(length(min = 1, max = 15))]
    pub(super) process: Option<String>,
    /// An extended regular expression that their command line must match besides.
    pub(super) pattern: Option<String>,
    /// As whom the two scripts run. When absent: root.
    pub(super) user: Option<String>,
    /// The folder of its data.
    pub(super) data: Option<String>,
    /// Its log files.
    pub(super) logs: Option<Vec<String>>,
    /// Texts that only a crash writes to the logs.
    pub(super) crash: Option<Vec<String>>,
}

const OWN_KEYS: [&str; 9] = [
    "port", "start", "stop", "process", "pattern", "user", "data", "logs", "crash",
];

impl<'de> Deserialize<'de> for RawDatabase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Table;

        impl<'de> Visitor<'de> for Table {
            type Value = RawDatabase;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table with the name of a database, as in etcd = {}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawDatabase, A::Error> {
                let mut raw = RawDatabase::default();
                let own = &mut raw.own;
                while let Some(key) = map.next_key_seed(Key)? {
                    match key.as_str() {
                        "port" => own.port = Some(map.next_value()?),
                        "start" => own.start = Some(map.next_value()?),
                        "stop" => own.stop = Some(map.next_value()?),
                        "process" => own.process = Some(map.next_value()?),
                        "pattern" => own.pattern = Some(map.next_value()?),
                        "user" => own.user = Some(map.next_value()?),
                        "data" => own.data = Some(map.next_value()?),
                        "logs" => own.logs = Some(map.next_value()?),
                        "crash" => own.crash = Some(map.next_value()?),
                        name => raw.clients.push(map.next_value_seed(Options { name })?),
                    }
                }
                Ok(raw)
            }
        }

        deserializer.deserialize_any(Table)
    }
}

/// A key of the table: one of ours, or the name of a database. Anything else is refused here, where its place is known.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        let key = String::deserialize(deserializer)?;
        let is_database = DATABASES.iter().any(|listed| listed.name == key);
        if is_database || OWN_KEYS.contains(&key.as_str()) {
            return Ok(key);
        }
        let known: Vec<_> = DATABASES
            .iter()
            .map(|listed| listed.name)
            .chain(OWN_KEYS)
            .map(|name| format!("`{name}`"))
            .collect();
        // In the words of serde, so that it is understood like every other unknown key.
        Err(D::Error::custom(format_args!(
            "unknown field `{key}`, expected one of {}",
            known.join(", ")
        )))
    }
}

/// The options of one database, read as the variant of this name.
struct Options<'n> {
    name: &'n str,
}

impl<'de> DeserializeSeed<'de> for Options<'_> {
    type Value = Spec;

    fn deserialize<D: Deserializer<'de>>(self, options: D) -> Result<Spec, D::Error> {
        Spec::deserialize(Variant {
            name: self.name,
            options,
        })
    }
}

/// A name and its options in the shape of an enum.
struct Variant<'n, D> {
    name: &'n str,
    options: D,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Variant<'_, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_enum(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, D: Deserializer<'de>> EnumAccess<'de> for Variant<'_, D> {
    type Error = D::Error;
    type Variant = Content<D>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content<D>), D::Error> {
        let name = seed.deserialize(StrDeserializer::new(self.name))?;
        Ok((name, Content(self.options)))
    }
}

struct Content<D>(D);

impl<'de, D: Deserializer<'de>> VariantAccess<'de> for Content<D> {
    type Error = D::Error;

    fn unit_variant(self) -> Result<(), D::Error> {
        <()>::deserialize(self.0)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, D::Error> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct("options", fields, visitor)
    }
}

impl Serialize for RawDatabase {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;
        let mut table = match toml::Table::try_from(&self.own) {
            Ok(table) => table,
            Err(error) => return Err(S::Error::custom(error)),
        };
        for client in &self.clients {
            table.extend(toml::Table::try_from(client).map_err(S::Error::custom)?);
        }
        let mut map = serializer.serialize_map(Some(table.len()))?;
        for (key, value) in &table {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl JsonSchema for RawDatabase {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Database")
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Own::json_schema(generator);
        let clients = Spec::json_schema(generator);
        let variants = clients.get("oneOf").and_then(|list| list.as_array());
        for variant in variants.into_iter().flatten() {
            let description = variant.get("description");
            let names = variant.get("properties").and_then(|of| of.as_object());
            for (name, options) in names.into_iter().flatten() {
                let mut options = options.clone();
                if let (Some(options), Some(description)) = (options.as_object_mut(), description) {
                    options.insert("description".to_owned(), description.clone());
                }
                if let Some(all) = schema
                    .ensure_object()
                    .entry("properties")
                    .or_insert_with(|| serde_json::Value::Object(serde_json::Map::new()))
                    .as_object_mut()
                {
                    all.insert(name.clone(), options);
                }
            }
        }
        schema.insert(
            "description".to_owned(),
            "The database: exactly one by name with its client's options, and how its processes are run.".into(),
        );
        schema
    }
}
