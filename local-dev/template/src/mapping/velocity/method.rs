//! The methods that references may call: API Gateway's own, and those of Java's texts, lists and
//! maps that mapping templates use.

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $arguments:pat => )*) => {
        /// A method that a reference may call.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Method {
            $($(#[$doc])* $variant,)*
        }

        impl Method {
            /// The method of this name that takes so many arguments.
            pub(super) fn find(name: &str, arguments: usize) -> Option<Self> {
                match (name, arguments) {
                    $(($name, $arguments) => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

methods! {
    /// `$input.json(path)`
    Json = "json", 1 =>
    /// `$input.path(path)`
    Path = "path", 1 =>
    /// `$input.params()`, `$input.params(name)`
    Params = "params", 0 | 1 =>
    /// `$util.escapeJavaScript(text)`
    EscapeJavaScript = "escapeJavaScript", 1 =>
    /// `$util.parseJson(text)`
    ParseJson = "parseJson", 1 =>
    /// `$util.urlEncode(text)`
    UrlEncode = "urlEncode", 1 =>
    /// `$util.urlDecode(text)`
    UrlDecode = "urlDecode", 1 =>
    /// `$util.base64Encode(text)`
    Base64Encode = "base64Encode", 1 =>
    /// `$util.base64Decode(text)`
    Base64Decode = "base64Decode", 1 =>
    /// Of a list by index, of a map by key.
    Get = "get", 1 =>
    /// Of a list or a map.
    Size = "size", 0 =>
    /// Of a text.
    Length = "length", 0 =>
    /// Of a text, a list or a map.
    IsEmpty = "isEmpty", 0 =>
    /// Of a text or a list.
    Contains = "contains", 1 =>
    /// Of a map.
    ContainsKey = "containsKey", 1 =>
    /// Of a map: its keys.
    KeySet = "keySet", 0 =>
    /// Of a map: its values.
    Values = "values", 0 =>
    /// Of a map: its entries, each with `key` and `value`.
    EntrySet = "entrySet", 0 =>
    /// Of an entry of a map.
    GetKey = "getKey", 0 =>
    /// Of an entry of a map.
    GetValue = "getValue", 0 =>
    /// Of any value.
    ToString = "toString", 0 =>
    /// Of any value.
    Equals = "equals", 1 =>
    /// Of a text.
    EqualsIgnoreCase = "equalsIgnoreCase", 1 =>
    /// Of a text.
    ToUpperCase = "toUpperCase", 0 =>
    /// Of a text.
    ToLowerCase = "toLowerCase", 0 =>
    /// Of a text.
    Trim = "trim", 0 =>
    /// Of a text.
    StartsWith = "startsWith", 1 =>
    /// Of a text.
    EndsWith = "endsWith", 1 =>
    /// Of a text.
    IndexOf = "indexOf", 1 =>
    /// Of a text: from an index, and up to another.
    Substring = "substring", 1 | 2 =>
    /// Of a text: every occurrence of one text by another.
    Replace = "replace", 2 =>
    /// Of a text: every match of a regular expression by another text.
    ReplaceAll = "replaceAll", 2 =>
    /// Of a text, at the matches of a regular expression.
    Split = "split", 1 =>
    /// Of a text: whether a regular expression matches all of it.
    Matches = "matches", 1 =>
    /// Of a text.
    Concat = "concat", 1 =>
}
