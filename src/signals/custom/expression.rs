//! Expressions of CEL over an object: what they may use, and what they may cost.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue};
use cel::{Context, Env, ParseErrors, Program, Value};
use serde_json::{Number, Value as Json};

use super::CustomSignal;
use super::cost::{self, Extent};
use crate::model::shorten;

/// The name under which an expression finds the object.
const OBJECT: &str = "object";
/// The most bytes of an expression.
const TEXT: usize = 2048;
/// What a parser of such an expression has for a stack.
const PARSER_STACK: usize = 64 * 1024 * 1024;
/// The most parts of an expression once its macros are written out, so that what it costs is soon told.
const PARTS: usize = 512;
/// How deep brackets and operators may stand in each other: the library goes into each by several calls, and a thread has a
/// stack of 2 MiB.
const DEPTH: usize = 32;
/// How many loops may stand in each other.
const LOOPS: usize = 3;
/// The most bytes of an object, as this module counts them.
const OBJECT_BYTES: u64 = 256 * 1024;
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

/// The standard functions, types and macros of CEL, with the fields that may be missing: `object.?status`.
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadExpression {
    /// It does not parse.
    #[error(
        "it does not parse: {message}, at character {position}; write an expression of CEL such as object.status.phase == 'Ready'"
    )]
    Syntax {
        /// What the parser says.
        message: String,
        /// Where, from 1.
        position: usize,
    },
    /// It is too long.
    #[error("it has more than {TEXT} bytes, or more than {PARTS} parts; write less, or several signals")]
    TooLong,
    /// Its parts stand in each other too deep.
    #[error("more than {DEPTH} brackets and operators stand in each other; write less, or several signals")]
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
}

/// An expression that can be evaluated.
#[derive(Debug)]
pub(super) struct Expression(Program);

impl Expression {
    pub(super) fn parse(text: &str) -> Result<Self, BadExpression> {
        if text.len() > TEXT {
            return Err(BadExpression::TooLong);
        }
        if nesting(text) > DEPTH {
            return Err(BadExpression::TooNested);
        }
        let program = parsed(text).map_err(|errors| {
            let first = errors.errors.first();
            let message = first.map_or("", |error| error.msg.lines().next().unwrap_or_default());
            let column = first.map_or(0, |error| error.pos.1);
            BadExpression::Syntax {
                message: shorten(message, ERROR),
                position: usize::try_from(column).unwrap_or(0) + 1,
            }
        })?;
        let mut check = Check::default();
        check.expression(program.expression(), &mut vec![OBJECT], 0)?;
        Ok(Self(program))
    }

    /// What it comes to for an object.
    ///
    /// # Errors
    ///
    /// Why it comes to nothing, in a few words that may quote the object.
    pub(super) fn evaluate(&self, object: &Object) -> Result<Value, String> {
        if !cost::is_affordable(self.0.expression(), object.extent) {
            return Err("it may take longer than a tenth of a second on an object of this size".to_owned());
        }
        // The object comes from whoever may write it: what the library does not expect is to hurt nobody else.
        let result = catch_unwind(AssertUnwindSafe(|| self.0.execute(&object.context)));
        let result = result.map_err(|_| "it cannot be evaluated".to_owned())?;
        result.map_err(|error| shorten(&error.to_string(), ERROR))
    }
}

/// The program of a text, parsed on a stack of its own: the parser takes tens of kilobytes of it for each bracket.
fn parsed(text: &str) -> Result<Program, ParseErrors> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(PARSER_STACK);
        let parser =
            thread.spawn_scoped(scope, || ENV.compile(text)).expect("a thread can be started while nothing runs yet");
        parser.join().expect("the parser tells by a result what it does not understand")
    })
}

/// How deep the parts of a text stand in each other at most, told before it is parsed. What stands in quotes counts as well.
fn nesting(text: &str) -> usize {
    // How many operators the part has in which we are, and of each bracket around it the one that it stands in.
    let (mut operators, mut around, mut total, mut deepest) = (0_usize, Vec::new(), 0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => {
                total += 1;
                around.push(operators + 1);
                operators = 0;
            }
            b')' | b']' | b'}' => {
                if let Some(outside) = around.pop() {
                    total -= operators;
                    operators = outside;
                }
            }
            // What is joined by these stands beside each other.
            b',' | b'&' | b'|' => total -= std::mem::take(&mut operators),
            b'.' | b'+' | b'-' | b'*' | b'/' | b'%' | b'!' | b'?' | b'<' | b'>' | b'=' => {
                operators += 1;
                total += 1;
            }
            _ => {}
        }
        deepest = deepest.max(total);
    }
    deepest
}

/// An object as expressions see it.
pub(super) struct Object {
    context: Context<'static, 'static>,
    extent: Extent,
}

impl Object {
    /// # Errors
    ///
    /// When it is too large.
    pub(super) fn new(object: &Json, of: &CustomSignal) -> Result<Self, String> {
        let extent = Extent::of(object);
        if extent.bytes > OBJECT_BYTES {
            return Err(format!("it has more than {} KiB", OBJECT_BYTES / 1024));
        }
        let mut context = Context::with_env(ENV.clone());
        let mut fields: HashMap<String, Value> =
            object.as_object().into_iter().flatten().map(|(key, field)| (key.clone(), value(field))).collect();
        // In lists of built-in kinds the items do not say what they are.
        fields.entry("apiVersion".to_owned()).or_insert_with(|| format!("{}/{}", of.group, of.version).into());
        fields.entry("kind".to_owned()).or_insert_with(|| of.kind.as_str().into());
        context.add_variable_from_value(OBJECT, fields);
        Ok(Self { context, extent })
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
#[derive(Default)]
struct Check {
    parts: usize,
}

impl Check {
    fn expression<'a>(
        &mut self,
        part: &'a IdedExpr,
        known: &mut Vec<&'a str>,
        loops: usize,
    ) -> Result<(), BadExpression> {
        self.parts += 1;
        if self.parts > PARTS {
            return Err(BadExpression::TooLong);
        }
        match &part.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) if known.contains(&name.as_str()) || TYPES.contains(&name.as_str()) => Ok(()),
            Expr::Ident(name) => Err(BadExpression::NoSuchVariable { name: name.clone() }),
            Expr::Select(select) => self.expression(&select.operand, known, loops),
            Expr::List(list) => list.elements.iter().try_for_each(|element| self.expression(element, known, loops)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.expression(&entry.key, known, loops)?;
                    self.expression(&entry.value, known, loops)
                }
                EntryExpr::StructField(field) => self.expression(&field.value, known, loops),
            }),
            Expr::Struct(message) => Err(BadExpression::NoSuchVariable { name: message.type_name.clone() }),
            Expr::Call(call) => self.call(call, known, loops),
            Expr::Comprehension(iteration) => {
                if loops == LOOPS {
                    return Err(BadExpression::TooDeep);
                }
                self.expression(&iteration.iter_range, known, loops)?;
                self.expression(&iteration.accu_init, known, loops)?;
                known.extend([iteration.iter_var.as_str(), iteration.accu_var.as_str()]);
                known.extend(iteration.iter_var2.as_deref());
                for part in [&iteration.loop_cond, &iteration.loop_step, &iteration.result] {
                    self.expression(part, known, loops + 1)?;
                }
                known.truncate(known.len() - 2 - usize::from(iteration.iter_var2.is_some()));
                Ok(())
            }
        }
    }

    fn call<'a>(&mut self, call: &'a CallExpr, known: &mut Vec<&'a str>, loops: usize) -> Result<(), BadExpression> {
        // Such as optional.of(): what stands in front of the dot is part of the name.
        let prefix = call.target.as_deref().and_then(|target| match &target.expr {
            Expr::Ident(name) if !known.contains(&name.as_str()) => Some(name),
            _ => None,
        });
        let name = prefix.map_or_else(|| call.func_name.clone(), |prefix| format!("{prefix}.{}", call.func_name));
        // Operators have names that nobody can write.
        let is_operator = call.func_name.contains(['_', '@', '!']) && !call.func_name.starts_with(char::is_alphabetic);
        if !is_operator && !FUNCTIONS.contains(&name.as_str()) {
            return Err(BadExpression::NoSuchFunction { name });
        }
        let is_written_out = |pattern: &IdedExpr| matches!(&pattern.expr, Expr::Literal(LiteralValue::String(_)));
        if name == "matches" && !call.args.last().is_some_and(is_written_out) {
            return Err(BadExpression::PatternOfObject);
        }
        if let Some(target) = call.target.as_deref().filter(|_| prefix.is_none()) {
            self.expression(target, known, loops)?;
        }
        call.args.iter().try_for_each(|argument| self.expression(argument, known, loops))
    }
}

/// The types that `type()` can be compared with.
const TYPES: [&str; 9] = ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "uint"];
