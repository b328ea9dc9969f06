//! What an expression may cost at most on an object of some size, told before it is evaluated.
//!
//! Whoever writes the objects decides how long their lists are: a loop in a loop over a list of thousands would keep a watch
//! busy for seconds. A bound is computed from the expression and the size of the object, as an API server does it for the
//! expressions of its policies (<https://kubernetes.io/docs/reference/using-api/cel/#resource-constraints>).

use cel::common::ast::operators::{ADD, CONDITIONAL, INDEX, OPT_SELECT};
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue};
use serde_json::Value as Json;

use super::expression::OBJECT;

/// The most that all expressions on one object may cost together: a twentieth of a second, in nanoseconds by a rough measure.
pub(super) const MOST: u64 = 50_000_000;
/// What one part of an expression costs beside the bytes that it goes through.
const PART: u64 = 200;
/// What a pattern of the size that is allowed costs before it is tried, and then for each byte of a text.
const PATTERN: [u64; 2] = [300_000, 50];
/// What a value costs beside the bytes of its texts, when it is copied.
const VALUE: u64 = 48;
/// What the field of a map costs beside its value.
const FIELD: u64 = 200;
/// The most bytes of a number as a text.
const NUMBER: u64 = 330;

/// How large a value is at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// The bytes of all that it holds.
    pub(super) bytes: u64,
    /// How many items each list and each map has that is it, or in it.
    items: u64,
    /// The bytes of each item of a list and of each key of a map among these, which loops go through.
    item: u64,
}

impl Extent {
    pub(super) fn of(json: &Json) -> Self {
        match json {
            Json::Null | Json::Bool(_) | Json::Number(_) => Self::flat(0),
            Json::String(text) => Self::flat(length(text)),
            Json::Array(items) => Self::list(items.iter().map(Self::of)),
            Json::Object(fields) => {
                Self::map(fields.iter().map(|(key, field)| (Self::flat(length(key)), Self::of(field))))
            }
        }
    }

    const fn flat(bytes: u64) -> Self {
        Self { bytes: bytes.saturating_add(VALUE), items: 0, item: 0 }
    }

    /// That of a list of these.
    fn list(items: impl Iterator<Item = Self>) -> Self {
        Self::holding(items.map(|item| (item.bytes, item)))
    }

    /// That of a map of these keys and values.
    fn map(entries: impl Iterator<Item = (Self, Self)>) -> Self {
        Self::holding(entries.map(|(key, value)| {
            let bytes = FIELD.saturating_add(key.bytes).saturating_add(value.bytes);
            (key.bytes, Self { bytes, ..value })
        }))
    }

    /// That of a value that holds these, of which loops go through so many bytes each.
    fn holding(items: impl Iterator<Item = (u64, Self)>) -> Self {
        let (mut count, mut all) = (0_u64, Self::flat(0));
        for (looped, item) in items {
            count += 1;
            all = Self {
                bytes: all.bytes.saturating_add(item.bytes),
                items: all.items.max(item.items),
                item: all.item.max(item.item).max(looped),
            };
        }
        Self { items: all.items.max(count), ..all }
    }

    /// That of as many of these as there may be items.
    fn times(self, count: u64) -> Self {
        Self {
            bytes: self.bytes.saturating_mul(count),
            items: self.items.saturating_mul(count),
            item: self.item.max(self.bytes),
        }
    }

    /// That of both together, one behind the other.
    const fn and(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            items: self.items.saturating_add(other.items),
            item: if self.item > other.item { self.item } else { other.item },
        }
    }

    /// That of one or the other.
    fn or(self, other: Self) -> Self {
        Self { bytes: self.bytes.max(other.bytes), items: self.items.max(other.items), item: self.item.max(other.item) }
    }

    /// That of one of its items.
    fn of_item(self) -> Self {
        Self { bytes: self.item, items: self.items.min(self.item), item: self.item }
    }
}

fn length(text: &str) -> u64 {
    text.len().try_into().unwrap_or(u64::MAX)
}

/// What an expression costs at most on an object of this size.
pub(super) fn of(expression: &IdedExpr, object: Extent) -> u64 {
    let mut scope = Scope { known: vec![(OBJECT, object)], spent: 0 };
    let result = scope.expression(expression);
    scope.spent.saturating_add(result.bytes)
}

/// What is known while a bound is computed.
struct Scope<'a> {
    known: Vec<(&'a str, Extent)>,
    spent: u64,
}

impl<'a> Scope<'a> {
    const fn spend(&mut self, cost: u64) {
        self.spent = self.spent.saturating_add(cost);
    }

    /// What an expression comes to at most. What it costs is added to what is spent.
    fn expression(&mut self, part: &'a IdedExpr) -> Extent {
        self.spend(PART);
        match &part.expr {
            Expr::Unspecified | Expr::Struct(_) => Extent::flat(0),
            Expr::Literal(literal) => match literal {
                LiteralValue::String(text) => Extent::flat(length(text.inner())),
                LiteralValue::Bytes(bytes) => Extent::flat(bytes.inner().len().try_into().unwrap_or(u64::MAX)),
                _ => Extent::flat(0),
            },
            Expr::Ident(name) => {
                let found = self.known.iter().rev().find(|(known, _)| known == name);
                found.map_or(Extent::flat(0), |(_, extent)| *extent)
            }
            Expr::Select(select) => {
                let operand = self.expression(&select.operand);
                // A field of what is kept nowhere is copied.
                if is_kept(&select.operand) { operand } else { self.copied(operand) }
            }
            Expr::List(list) => {
                let elements: Vec<Extent> = list.elements.iter().map(|element| self.expression(element)).collect();
                self.copied(Extent::list(elements.into_iter()))
            }
            Expr::Map(map) => {
                let entries = map.entries.iter().map(|entry| match &entry.expr {
                    EntryExpr::MapEntry(entry) => {
                        let key = self.expression(&entry.key);
                        (key, self.expression(&entry.value))
                    }
                    EntryExpr::StructField(field) => (Extent::flat(0), self.expression(&field.value)),
                });
                let entries: Vec<(Extent, Extent)> = entries.collect();
                self.copied(Extent::map(entries.into_iter()))
            }
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(iteration) => self.iteration(iteration),
        }
    }

    const fn copied(&mut self, extent: Extent) -> Extent {
        self.spend(extent.bytes);
        extent
    }

    fn call(&mut self, call: &'a CallExpr) -> Extent {
        let given: Vec<Extent> =
            call.target.as_deref().into_iter().chain(&call.args).map(|given| self.expression(given)).collect();
        let all = given.iter().fold(Extent::default(), |all, given| all.and(*given));
        match (call.func_name.as_str(), &*given) {
            // What filter() and map() find is put behind what they found before, and not copied.
            (ADD, [_, added]) if is_accumulated(&call.args[0]) => {
                self.spend(added.bytes);
                return all;
            }
            (ADD, _) => return self.copied(all),
            (CONDITIONAL, [_, one, other]) => return one.or(*other),
            _ => self.spend(all.bytes),
        }
        match (call.func_name.as_str(), &*given) {
            ("orValue", [one, other]) => self.copied(one.or(*other)),
            (INDEX | OPT_SELECT, [from, ..]) => self.copied(*from),
            ("matches", [text, _]) => {
                let [ready, each] = PATTERN;
                self.spend(text.bytes.saturating_mul(each).saturating_add(ready));
                Extent::flat(0)
            }
            ("string", _) => self.copied(Extent::flat(all.bytes.saturating_add(NUMBER))),
            // What is made of a value holds no more than the value; operators compare, or reckon with numbers.
            (function, _) if function.starts_with(char::is_alphabetic) => self.copied(all),
            _ => Extent::flat(0),
        }
    }

    fn iteration(&mut self, iteration: &'a ComprehensionExpr) -> Extent {
        let range = self.expression(&iteration.iter_range);
        let begin = self.expression(&iteration.accu_init);
        let times = range.items;
        let before = self.spent;
        // What comes of a loop grows with each round by what one round adds, unless a second one adds nothing.
        let first = self.round(iteration, range, begin);
        let adds = self.round(iteration, range, first) != first;
        let grown = if adds { begin.or(first.times(times)) } else { first };
        self.spent = before;
        self.round(iteration, range, grown);
        let of_rounds = (self.spent - before).saturating_mul(times);
        self.spent = before.saturating_add(of_rounds);
        self.within(iteration, range, grown, |scope| scope.expression(&iteration.result))
    }

    /// What comes of one round of a loop that has come to this before.
    fn round(&mut self, iteration: &'a ComprehensionExpr, range: Extent, accumulated: Extent) -> Extent {
        self.within(iteration, range, accumulated, |scope| {
            scope.expression(&iteration.loop_cond);
            scope.expression(&iteration.loop_step)
        })
    }

    fn within<T>(
        &mut self,
        iteration: &'a ComprehensionExpr,
        range: Extent,
        accumulated: Extent,
        look: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let outside = self.known.len();
        let variables = [Some(&iteration.iter_var), iteration.iter_var2.as_ref()];
        self.known.extend(variables.into_iter().flatten().map(|name| (name.as_str(), range.of_item())));
        self.known.push((&iteration.accu_var, accumulated));
        self.spend(range.item);
        let seen = look(self);
        self.known.truncate(outside);
        seen
    }
}

/// Whether a value is that of a variable, or of a field of one, which is looked at where it is.
fn is_kept(part: &IdedExpr) -> bool {
    match &part.expr {
        Expr::Ident(_) => true,
        Expr::Select(select) => is_kept(&select.operand),
        _ => false,
    }
}

/// Whether this is what a loop has come to so far: nobody can write its name.
fn is_accumulated(part: &IdedExpr) -> bool {
    matches!(&part.expr, Expr::Ident(name) if name.starts_with('@'))
}
