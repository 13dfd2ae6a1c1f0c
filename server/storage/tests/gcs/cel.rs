//! As much of CEL as a Credential Access Boundary may use, read as Google reads it: a name that breaks out of its text is
//! evaluated for what it then says.

/// What a condition can ask about a request.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub resource: &'a str,
    /// Of a listing.
    pub prefix: Option<&'a str>,
}

/// Does the condition hold? `Err` for what is no condition.
pub fn holds(expression: &str, request: &Request<'_>) -> Result<bool, String> {
    let mut reader = Reader {
        rest: expression,
        request,
    };
    let value = reader.either()?;
    reader.space();
    match value {
        Value::Bool(holds) if reader.rest.is_empty() => Ok(holds),
        _ => Err(format!("no condition, at `{}`", reader.rest)),
    }
}

enum Value {
    Bool(bool),
    Text(String),
    Name(String),
}

struct Reader<'a> {
    rest: &'a str,
    request: &'a Request<'a>,
}

impl Reader<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.space();
        let after = self.rest.strip_prefix(token);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn want(&mut self, token: &str) -> Result<(), String> {
        let found = self.eat(token);
        found
            .then_some(())
            .ok_or_else(|| format!("`{token}` is missing at `{}`", self.rest))
    }

    fn either(&mut self) -> Result<Value, String> {
        let mut value = self.both()?;
        while self.eat("||") {
            let (a, b) = (truth(&value)?, truth(&self.both()?)?);
            value = Value::Bool(a || b);
        }
        Ok(value)
    }

    fn both(&mut self) -> Result<Value, String> {
        let mut value = self.negated()?;
        while self.eat("&&") {
            let (a, b) = (truth(&value)?, truth(&self.negated()?)?);
            value = Value::Bool(a && b);
        }
        Ok(value)
    }

    fn negated(&mut self) -> Result<Value, String> {
        if self.eat("!") {
            return Ok(Value::Bool(!truth(&self.negated()?)?));
        }
        let mut value = self.single()?;
        while self.eat(".") {
            let member = self.name()?;
            value = if self.eat("(") {
                let arguments = self.arguments()?;
                self.call(value, &member, &arguments)?
            } else {
                match (&value, member.as_str()) {
                    (Value::Name(of), "name") if of == "resource" => {
                        Value::Text(self.request.resource.to_owned())
                    }
                    _ => return Err(format!("no `{member}` here")),
                }
            };
        }
        Ok(value)
    }

    fn single(&mut self) -> Result<Value, String> {
        self.space();
        if self.eat("(") {
            let value = self.either()?;
            self.want(")")?;
            return Ok(value);
        }
        for quote in ['\'', '"'] {
            if self.rest.starts_with(quote) {
                self.rest = &self.rest[1..];
                return self.text(quote).map(Value::Text);
            }
        }
        match self.name()?.as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            name => Ok(Value::Name(name.to_owned())),
        }
    }

    fn name(&mut self) -> Result<String, String> {
        self.space();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = self.rest.find(|c| !plain(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() {
            return Err(format!("a name is missing at `{rest}`"));
        }
        self.rest = rest;
        Ok(name.to_owned())
    }

    fn arguments(&mut self) -> Result<Vec<String>, String> {
        let mut arguments = Vec::new();
        while !self.eat(")") {
            if !arguments.is_empty() {
                self.want(",")?;
            }
            match self.either()? {
                Value::Text(text) => arguments.push(text),
                _ => return Err("an argument is a text".to_owned()),
            }
        }
        Ok(arguments)
    }

    fn call(&self, of: Value, method: &str, arguments: &[String]) -> Result<Value, String> {
        match (of, method, arguments) {
            (Value::Text(text), "startsWith", [start]) => Ok(Value::Bool(text.starts_with(start))),
            (Value::Name(of), "getAttribute", [name, default]) if of == "api" => {
                let known = name == "storage.googleapis.com/objectListPrefix";
                let prefix = self.request.prefix.filter(|_| known);
                Ok(Value::Text(prefix.unwrap_or(default).to_owned()))
            }
            _ => Err(format!("no `{method}` here")),
        }
    }

    fn text(&mut self, quote: char) -> Result<String, String> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => {
                    let (_, escaped) = chars.next().ok_or("a text ends in an escape")?;
                    text.push(match escaped {
                        '\\' | '\'' | '"' | '`' | '?' => escaped,
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        'u' => {
                            let digits: String = (&mut chars).take(4).map(|(_, c)| c).collect();
                            let code = u32::from_str_radix(&digits, 16);
                            let code = code.map_err(|error| error.to_string())?;
                            char::from_u32(code).ok_or("no character")?
                        }
                        other => return Err(format!("no escape `\\{other}`")),
                    });
                }
                '\n' | '\r' => return Err("a text has one line".to_owned()),
                c if c == quote => {
                    self.rest = &self.rest[at + c.len_utf8()..];
                    return Ok(text);
                }
                c => text.push(c),
            }
        }
        Err("a text does not end".to_owned())
    }
}

fn truth(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::Text(_) | Value::Name(_) => Err("neither true nor false".to_owned()),
    }
}
