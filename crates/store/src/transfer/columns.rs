//! What a table's columns are in a Parquet file.
//!
//! | column | in the file |
//! |---|---|
//! | text, low cardinality or not; enums | `STRING` |
//! | `UInt128`: ids | `STRING`, 32 hexadecimal digits, as the API gives them |
//! | times | `TIMESTAMP`, in UTC, of milliseconds or microseconds |
//! | days, numbers, decimals, booleans, lists of these | the same; `Nullable` is optional |
//! | states of counts, which only the engine reads | `STRING`, hexadecimal digits |

use parquet::{
    basic::{ConvertedType, LogicalType, Repetition, Type as Physical},
    schema::types::Type,
};

use super::TransferError;
use crate::{Store, error::Doing};

/// A column of a table that an export holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub name: String,
    pub kind: Kind,
    pub nullable: bool,
    /// `CAST(… AS String)` and the like are needed in front of a file's writer.
    enumerated: bool,
}

/// What a value is, on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// A number of 128 bits; text in a file.
    Id,
    /// Bytes of an aggregate function; text in a file.
    State,
    Bool,
    /// From and to.
    Whole(i128, i128),
    Real,
    Decimal,
    Day,
    /// With so many digits of a second.
    Time(u8),
    List(Box<Kind>),
}

impl Column {
    /// `None` of a type that no column of an exported table has.
    fn of(name: &str, of_type: &str) -> Option<Self> {
        let mut of_type = of_type;
        let mut nullable = false;
        while let Some((wrapper, inner)) = wrapped(of_type) {
            nullable |= wrapper == "Nullable";
            of_type = inner;
        }
        let kind = Kind::of(of_type)?;
        Some(Self { name: name.to_owned(), kind, nullable, enumerated: of_type.starts_with("Enum") })
    }

    /// As it is selected for a file.
    pub fn selected(&self) -> String {
        let name = &self.name;
        match self.kind {
            Kind::Id => format!("leftPad(lower(hex({name})), 32, '0') AS {name}"),
            Kind::State => format!("lower(hex({name})) AS {name}"),
            Kind::Text if self.enumerated => format!("CAST({name} AS String) AS {name}"),
            _ => name.clone(),
        }
    }

    /// Why a field of a file is not this column.
    pub fn refuse(&self, field: &Type) -> Option<String> {
        let is_list = matches!(self.kind, Kind::List(_));
        match in_file(field) {
            Some(kind) if kind.is_as(&self.kind) && !(is_list && field.is_optional()) => None,
            Some(kind) => Some(format!("column {} holds {}, not {}", self.name, kind.named(), self.kind.named())),
            None => Some(format!("column {} is of a type that is not read, not {}", self.name, self.kind.named())),
        }
    }
}

/// `LowCardinality(…)`, `Nullable(…)`, `SimpleAggregateFunction(f, …)`.
fn wrapped(of_type: &str) -> Option<(&str, &str)> {
    let (wrapper, inner) = of_type.strip_suffix(')')?.split_once('(')?;
    match wrapper {
        "LowCardinality" | "Nullable" => Some((wrapper, inner)),
        "SimpleAggregateFunction" => Some((wrapper, inner.split_once(", ")?.1)),
        _ => None,
    }
}

impl Kind {
    fn of(of_type: &str) -> Option<Self> {
        let is = |start: &str| of_type.starts_with(start);
        Some(match of_type {
            "String" => Self::Text,
            "UInt128" => Self::Id,
            "Bool" => Self::Bool,
            "UInt8" => Self::Whole(0, u8::MAX.into()),
            "UInt16" => Self::Whole(0, u16::MAX.into()),
            "UInt32" => Self::Whole(0, u32::MAX.into()),
            "UInt64" => Self::Whole(0, u64::MAX.into()),
            "Int64" => Self::Whole(i64::MIN.into(), i64::MAX.into()),
            "Float32" | "Float64" => Self::Real,
            "Date" => Self::Day,
            _ if is("Enum") => Self::Text,
            _ if is("AggregateFunction(") => Self::State,
            _ if is("Decimal(") => Self::Decimal,
            _ if is("DateTime64(3") => Self::Time(3),
            _ if is("DateTime64(6") => Self::Time(6),
            _ if is("DateTime") && !is("DateTime64") => Self::Time(0),
            _ if is("Array(") => {
                let mut inner = of_type.strip_prefix("Array(")?.strip_suffix(')')?;
                while let Some(("LowCardinality", of)) = wrapped(inner) {
                    inner = of;
                }
                Self::List(Box::new(Self::of(inner)?))
            }
            _ => return None,
        })
    }

    /// Whether a value of a file can be one of a column. Programs that write a file again choose their own widths.
    fn is_as(&self, column: &Kind) -> bool {
        match (self, column) {
            (Self::Text, Self::Text | Self::Id | Self::State) => true,
            (Self::Whole(..), Self::Whole(..)) | (Self::Time(_), Self::Time(_)) => true,
            (Self::List(one), Self::List(other)) => one.is_as(other),
            (one, other) => one == other,
        }
    }

    fn named(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Id => "ids of 32 hexadecimal digits",
            Self::State => "hexadecimal digits",
            Self::Bool => "booleans",
            Self::Whole(..) => "whole numbers",
            Self::Real => "numbers with a point",
            Self::Decimal => "decimals",
            Self::Day => "days",
            Self::Time(_) => "times in UTC",
            Self::List(_) => "lists",
        }
    }
}

/// What a field of a file holds, where it is something that a column can be.
fn in_file(field: &Type) -> Option<Kind> {
    let info = field.get_basic_info();
    let is_repeated = |field: &Type| field.get_basic_info().repetition() == Repetition::REPEATED;
    if field.is_group() {
        let is_list =
            info.converted_type() == ConvertedType::LIST || info.logical_type_ref() == Some(&LogicalType::List);
        let [list] = field.get_fields() else { return None };
        // The three levels that the format names; older shapes are not read.
        let [element] = (if is_list && is_repeated(list) && list.is_group() { list.get_fields() } else { &[] }) else {
            return None;
        };
        return Some(Kind::List(Box::new(in_file(element)?)));
    }
    let whole = Kind::Whole(i64::MIN.into(), u64::MAX.into());
    match (field.get_physical_type(), info.converted_type(), info.logical_type_ref()) {
        (_, _, Some(LogicalType::Timestamp(time))) if !time.is_adjusted_to_u_t_c => None,
        (Physical::BYTE_ARRAY, ConvertedType::UTF8, _) => Some(Kind::Text),
        (_, ConvertedType::DECIMAL, _) => Some(Kind::Decimal),
        (Physical::INT32, ConvertedType::DATE, _) => Some(Kind::Day),
        (Physical::INT64, ConvertedType::TIMESTAMP_MILLIS, _) => Some(Kind::Time(3)),
        (Physical::INT64, ConvertedType::TIMESTAMP_MICROS, _) => Some(Kind::Time(6)),
        (Physical::INT32 | Physical::INT64, _, None | Some(LogicalType::Integer(_))) => Some(whole),
        (Physical::BOOLEAN, ..) => Some(Kind::Bool),
        (Physical::FLOAT | Physical::DOUBLE, _, None) => Some(Kind::Real),
        _ => None,
    }
}

impl Store {
    /// In the table's order, without those that are computed from others.
    pub(super) async fn columns(&self, table: &str) -> Result<Vec<Column>, TransferError> {
        let sql = "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}
            AND default_kind NOT IN ('MATERIALIZED', 'ALIAS') ORDER BY position";
        let doing = "looking at the columns of a table";
        let all: Vec<(String, String)> = self.read(sql).param("table", table).fetch_all().await.doing(doing)?;
        let known = |(name, of_type): &(String, String)| {
            let (table, column, of_type) = (table.to_owned(), name.clone(), of_type.clone());
            Column::of(name, &of_type).ok_or(TransferError::Column { table, column, of_type })
        };
        all.iter().map(known).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_a_column_says_what_it_is_in_a_file() {
        let of = |of_type: &str| Column::of("c", of_type).unwrap();
        let kind = |of_type: &str| (of(of_type).kind, of(of_type).nullable);
        assert_eq!(kind("LowCardinality(Nullable(String))"), (Kind::Text, true));
        assert_eq!(kind("SimpleAggregateFunction(max, DateTime64(3, 'UTC'))"), (Kind::Time(3), false));
        assert_eq!(kind("Nullable(DateTime64(6, 'UTC'))"), (Kind::Time(6), true));
        assert_eq!(kind("DateTime('UTC')"), (Kind::Time(0), false));
        assert_eq!(kind("Array(LowCardinality(String))"), (Kind::List(Box::new(Kind::Text)), false));
        assert_eq!(kind("AggregateFunction(uniqCombined64(14), UInt64)"), (Kind::State, false));
        assert_eq!(of("Enum8('a' = 1)").selected(), "CAST(c AS String) AS c");
        assert_eq!(of("UInt128").selected(), "leftPad(lower(hex(c)), 32, '0') AS c");
        assert_eq!(Column::of("c", "Map(String, String)"), None);
        assert_eq!(Column::of("c", "DateTime64(9, 'UTC')"), None);
    }
}
