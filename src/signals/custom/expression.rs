//! Expressions of CEL over an object: what they may use, and what they may cost.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::{Context, Env, Program, Value};
use regex::RegexBuilder;
use serde_json::{Number, Value as Json};

use super::CustomSignal;
use super::cost::{self, Extent};
use crate::model::shorten;

/// The name under which an expression finds the object.
pub(super) const OBJECT: &str = "object";
/// The most bytes of an expression.
const TEXT: usize = 2048;
/// What a parser of such an expression has for a stack.
const PARSER_STACK: usize = 64 * 1024 * 1024;
/// The most parts of an expression once its macros are written out, so that what it costs is soon told.
const PARTS: usize = 512;
/// How deep the parts of an expression may stand in each other: the library goes into each by several calls, and a thread
/// has a stack of 2 MiB.
const DEPTH: usize = 40;
/// How many loops may stand in each other.
const LOOPS: usize = 3;
/// The most bytes of an object as JSON: what is made of it takes some twenty times as much.
const OBJECT_BYTES: usize = 256 * 1024;
/// The most bytes of a pattern when it is made ready, which is done each time that it is tried.
const PATTERN_BYTES: usize = 32 * 1024;
/// The most bytes of what is told of an error: it may quote the object.
const ERROR: usize = 160;

/// The functions that an expression may call. What they cost follows from the size of what they are given.
const FUNCTIONS: [&str; 14] = [
    "bool",
    "contains",
    "double",
    "endsWith",
    "hasValue",
    "int",
    "matches",
    "optional.none",
    "optional.of",
    "orValue",
    "size",
    "startsWith",
    "string",
    "type",
];

/// The operators, and what macros are written out by.
const OPERATORS: [&str; 20] = [
    operators::ADD,
    operators::CONDITIONAL,
    operators::DIVIDE,
    operators::EQUALS,
    operators::GREATER,
    operators::GREATER_EQUALS,
    operators::IN,
    operators::INDEX,
    operators::LESS,
    operators::LESS_EQUALS,
    operators::LOGICAL_AND,
    operators::LOGICAL_NOT,
    operators::LOGICAL_OR,
    operators::MODULO,
    operators::MULTIPLY,
    operators::NEGATE,
    operators::NOT_EQUALS,
    operators::NOT_STRICTLY_FALSE,
    operators::OPT_SELECT,
    operators::SUBSTRACT,
];

/// The standard functions, types and macros of CEL, with the fields that may be missing: `object.?status`.
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadExpression {
    /// It does not parse.
    #[error(
        "it does not parse: {message}, in line {line} at character {column}; write an expression of CEL such as object.status.phase == 'Ready'"
    )]
    Syntax {
        /// What the parser says.
        message: String,
        /// Its line, from 1.
        line: isize,
        /// Where in it, from 1.
        column: isize,
    },
    /// It is too long.
    #[error("it has more than {TEXT} bytes, or more than {PARTS} parts; write less, or several signals")]
    TooLong,
    /// Its parts stand in each other too deep.
    #[error("more than {DEPTH} parts stand in each other; write less, or several signals")]
    TooNested,
    /// Its loops stand in each other too deep.
    #[error("more than {LOOPS} loops stand in each other; write less, or several signals")]
    TooDeep,
    /// It names something that is not there.
    #[error("there is no {name:?}; write what it looks at as {OBJECT}, such as {OBJECT}.spec")]
    NoSuchVariable {
        /// What it names.
        name: String,
    },
    /// It calls something that cannot be called.
    #[error("{name:?} is no function that can be called here; write one of has, all, exists, exists_one, filter, map, {}", FUNCTIONS.join(", "))]
    NoSuchFunction {
        /// What it calls.
        name: String,
    },
    /// A pattern comes from the object.
    #[error("the pattern of matches() has to be written out, such as matches('^v[0-9]+$')")]
    PatternOfObject,
    /// A pattern cannot be used.
    #[error("the pattern {pattern:?} does not parse, or is too large; write a smaller one, such as ^v[0-9]+$")]
    BadPattern {
        /// The pattern.
        pattern: String,
    },
}

/// An expression that can be evaluated.
#[derive(Debug)]
pub(super) struct Expression(Program);

impl Expression {
    pub(super) fn parse(text: &str) -> Result<Self, BadExpression> {
        if text.len() > TEXT {
            return Err(BadExpression::TooLong);
        }
        // The parser takes tens of kilobytes of the stack for each bracket.
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(PARSER_STACK);
            let parser = thread
                .spawn_scoped(scope, || Self::checked(text))
                .expect("a thread can be started while nothing runs yet");
            parser.join().expect("the parser tells by a result what it does not understand")
        })
    }

    fn checked(text: &str) -> Result<Self, BadExpression> {
        let program = ENV.compile(text).map_err(|errors| {
            let first = errors.errors.first();
            let message = first.map_or("", |error| error.msg.lines().next().unwrap_or_default());
            let (line, column) = first.map_or((0, 0), |error| error.pos);
            BadExpression::Syntax { message: shorten(message, ERROR), line, column: column + 1 }
        })?;
        let mut check = Check { parts: 0, known: vec![OBJECT], loops: 0, depth: 0 };
        check.expression(program.expression())?;
        Ok(Self(program))
    }

    /// What it comes to for an object.
    ///
    /// # Errors
    ///
    /// Why it comes to nothing, in a few words that may quote the object.
    pub(super) fn evaluate(&self, object: &Object) -> Result<Value, String> {
        let spent = object.spent.get().saturating_add(cost::of(self.0.expression(), object.extent));
        if spent > cost::MOST {
            return Err("it may take too long on an object of this size".to_owned());
        }
        object.spent.set(spent);
        self.0.execute(&object.context).map_err(|error| shorten(&error.to_string(), ERROR))
    }
}

/// An object as expressions see it.
pub(super) struct Object {
    context: Context<'static, 'static>,
    extent: Extent,
    /// What all expressions together have cost so far.
    spent: Cell<u64>,
}

impl Object {
    /// # Errors
    ///
    /// When it is too large, or its values lie too deep in each other.
    pub(super) fn new(text: &str, of: &CustomSignal) -> Result<Self, String> {
        if text.len() > OBJECT_BYTES {
            return Err(format!("it has more than {} KiB", OBJECT_BYTES / 1024));
        }
        let object: Json = serde_json::from_str(text).map_err(|error| shorten(&error.to_string(), ERROR))?;
        let extent = Extent::of(&object);
        let mut context = Context::with_env(ENV.clone());
        let mut fields: HashMap<String, Value> =
            object.as_object().into_iter().flatten().map(|(key, field)| (key.clone(), value(field))).collect();
        // In lists of built-in kinds the items do not say what they are.
        fields.entry("apiVersion".to_owned()).or_insert_with(|| format!("{}/{}", of.group, of.version).into());
        fields.entry("kind".to_owned()).or_insert_with(|| of.kind.as_str().into());
        context.add_variable_from_value(OBJECT, fields);
        Ok(Self { context, extent, spent: Cell::new(0) })
    }
}

/// What JSON is in CEL. The library takes numbers that are not negative for unsigned, which cannot be added to others.
fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => (*truth).into(),
        Json::Number(number) => self::number(number),
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => items.iter().map(value).collect::<Vec<_>>().into(),
        Json::Object(fields) => {
            fields.iter().map(|(key, field)| (key.clone(), value(field))).collect::<HashMap<_, _>>().into()
        }
    }
}

fn number(number: &Number) -> Value {
    match (number.as_i64(), number.as_u64()) {
        (Some(signed), _) => signed.into(),
        (None, Some(unsigned)) => unsigned.into(),
        (None, None) => number.as_f64().unwrap_or_default().into(),
    }
}

/// Looks at all that an expression uses.
struct Check<'a> {
    parts: usize,
    /// The variables that are known where it is.
    known: Vec<&'a str>,
    loops: usize,
    depth: usize,
}

impl<'a> Check<'a> {
    fn expression(&mut self, part: &'a IdedExpr) -> Result<(), BadExpression> {
        self.parts += 1;
        if self.parts > PARTS {
            return Err(BadExpression::TooLong);
        }
        if self.depth == DEPTH {
            return Err(BadExpression::TooNested);
        }
        self.depth += 1;
        let checked = self.inside(&part.expr);
        self.depth -= 1;
        checked
    }

    fn all(&mut self, parts: impl IntoIterator<Item = &'a IdedExpr>) -> Result<(), BadExpression> {
        parts.into_iter().try_for_each(|part| self.expression(part))
    }

    fn inside(&mut self, part: &'a Expr) -> Result<(), BadExpression> {
        match part {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) if self.known.contains(&name.as_str()) || TYPES.contains(&name.as_str()) => Ok(()),
            Expr::Ident(name) => Err(BadExpression::NoSuchVariable { name: name.clone() }),
            Expr::Select(select) => self.expression(&select.operand),
            Expr::List(list) => self.all(&list.elements),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => self.all([&entry.key, &entry.value]),
                EntryExpr::StructField(field) => self.expression(&field.value),
            }),
            Expr::Struct(message) => Err(BadExpression::NoSuchVariable { name: message.type_name.clone() }),
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(iteration) => {
                if self.loops == LOOPS {
                    return Err(BadExpression::TooDeep);
                }
                self.all([&iteration.iter_range, &iteration.accu_init])?;
                let outside = self.known.len();
                self.known.extend([iteration.iter_var.as_str(), iteration.accu_var.as_str()]);
                self.known.extend(iteration.iter_var2.as_deref());
                self.loops += 1;
                self.all([&iteration.loop_cond, &iteration.loop_step, &iteration.result])?;
                self.loops -= 1;
                self.known.truncate(outside);
                Ok(())
            }
        }
    }

    fn call(&mut self, call: &'a CallExpr) -> Result<(), BadExpression> {
        // Such as optional.of(): what stands in front of the dot is part of the name.
        let prefix = call.target.as_deref().and_then(|target| match &target.expr {
            Expr::Ident(name) if !self.known.contains(&name.as_str()) => Some(name),
            _ => None,
        });
        let name = prefix.map_or_else(|| call.func_name.clone(), |prefix| format!("{prefix}.{}", call.func_name));
        if !OPERATORS.contains(&name.as_str()) && !FUNCTIONS.contains(&name.as_str()) {
            return Err(BadExpression::NoSuchFunction { name });
        }
        if name == "matches" {
            check_pattern(call.args.last())?;
        }
        if prefix.is_none() {
            self.all(call.target.as_deref())?;
        }
        self.all(&call.args)
    }
}

fn check_pattern(pattern: Option<&IdedExpr>) -> Result<(), BadExpression> {
    let Some(Expr::Literal(LiteralValue::String(pattern))) = pattern.map(|pattern| &pattern.expr) else {
        return Err(BadExpression::PatternOfObject);
    };
    let ready = RegexBuilder::new(pattern.inner()).size_limit(PATTERN_BYTES).build();
    ready.map(drop).map_err(|_| BadExpression::BadPattern { pattern: shorten(pattern.inner(), ERROR) })
}

/// The types that `type()` can be compared with.
const TYPES: [&str; 9] = ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "uint"];
