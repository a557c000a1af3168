use proptest::prelude::*;

use super::*;

/// What a template is read as, in a few words.
fn shown(template: &str) -> String {
    match MappingTemplate::parse(template) {
        Ok(template) => pieces(&template.0),
        Err(bad) => bad.to_string(),
    }
}

fn pieces(all: &[Piece]) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => format!("{text:?}"),
        Piece::Reference(reference) => shown_reference(reference),
        Piece::Set(name, operand) => format!("set {name} = {}", shown_operand(operand)),
        Piece::If(branches, otherwise) => {
            let branch = |(condition, then): &(Operand, Vec<Piece>)| {
                format!("if {} ({})", shown_operand(condition), pieces(then))
            };
            let branches: Vec<_> = branches.iter().map(branch).collect();
            format!("{} else ({})", branches.join(" "), pieces(otherwise))
        }
        Piece::Each(name, operand, body) => {
            format!(
                "each {name} in {} ({})",
                shown_operand(operand),
                pieces(body)
            )
        }
    };
    all.iter().map(piece).collect::<Vec<_>>().join(" ")
}

fn shown_reference(reference: &Reference) -> String {
    let quiet = if reference.quiet { "!" } else { "" };
    let steps = reference.steps.iter().map(|step| match step {
        Access::Property(name) => format!(".{name}"),
        Access::Index(operand) => format!("[{}]", shown_operand(operand)),
        Access::Call(method, operands) => {
            let operands: Vec<_> = operands.iter().map(shown_operand).collect();
            format!(".{method:?}({})", operands.join(", "))
        }
    });
    format!("<{quiet}{}{}>", reference.root, steps.collect::<String>())
}

fn shown_operand(operand: &Operand) -> String {
    let list = |all: &[Operand]| all.iter().map(shown_operand).collect::<Vec<_>>().join(", ");
    match operand {
        Operand::Null => "null".to_owned(),
        Operand::Bool(value) => value.to_string(),
        Operand::Integer(number) => number.to_string(),
        Operand::Float(number) => number.to_string(),
        Operand::Text(all) => pieces(all),
        Operand::List(all) => format!("[{}]", list(all)),
        Operand::Map(all) => {
            let entry =
                |(k, v): &(Operand, Operand)| format!("{}: {}", shown_operand(k), shown_operand(v));
            format!(
                "{{{}}}",
                all.iter().map(entry).collect::<Vec<_>>().join(", ")
            )
        }
        Operand::Range(ends) => format!("[{}..{}]", shown_operand(&ends.0), shown_operand(&ends.1)),
        Operand::Reference(reference) => shown_reference(reference),
        Operand::Not(of) => format!("not {}", shown_operand(of)),
        Operand::Binary(operator, both) => {
            format!(
                "({} {operator:?} {})",
                shown_operand(&both.0),
                shown_operand(&both.1)
            )
        }
    }
}

#[test]
fn templates() {
    for (template, want) in [
        ("", ""),
        (r#"{"statusCode": 200}"#, r#""{\"statusCode\": 200}""#),
        ("$a.b", "<a.b>"),
        ("${a}b $!c $!{d.e}", r#"<a> "b " <!c> " " <!d.e>"#),
        ("$input.path('$.a').b[0].c", r#"<input.Path("$.a").b[0].c>"#),
        (
            "$util.base64Encode($input.json('$'))",
            r#"<util.Base64Encode(<input.Json("$")>)>"#,
        ),
        (r#"$input.path("$.$name")"#, r#"<input.Path("$." <name>)>"#),
        ("$stageVariables['a b']", r#"<stageVariables["a b"]>"#),
        (
            "A sentence ends with $name. Yes",
            r#""A sentence ends with " <name> ". Yes""#,
        ),
        ("$5 $ $. ${ ${} $!", r#""$5 $ $. ${ ${} $!""#),
        ("${a|b}", r#""${a|b}""#),
        (r"\$a \\$a \b \", r#""$a \\" <a> " \\b \\""#),
        ("$a[x] $b[", r#"<a> "[x] " <b> "[""#),
        ("#channel # #5 a#b", r##""#channel # #5 a#b""##),
        ("a ## comment\nb #* more\n *# c", r#""a b  c""#),
        ("#[[ $a #if ]]#", r#"" $a #if ""#),
        ("  #set($a = 1)\nx", r#"set a = 1 "x""#),
        (
            "#set( $a = $input.path('$') )$a",
            r#"set a = <input.Path("$")> <a>"#,
        ),
        (
            "#set($a = [1, 2.5, -3])#set($b = [1..$n])",
            "set a = [1, 2.5, -3] set b = [1..<n>]",
        ),
        (
            "#set($a = {'k': $v, \"l\": []})",
            r#"set a = {"k": <v>, "l": []}"#,
        ),
        ("#if($a)x#{else}y#end", r#"if <a> ("x") else ("y")"#),
        (
            "#if($a == 'x' && !$b || $c.size() > 1)1#elseif(true)2#end",
            r#"if (((<a> Equal "x") And not <b>) Or (<c.Size()> More 1)) ("1") if true ("2") else ()"#,
        ),
        (
            "#if(1 + 2 * 3 - (4 - 5) >= 6)#end",
            "if (((1 Add (2 Multiply 3)) Subtract (4 Subtract 5)) AtLeast 6) () else ()",
        ),
        (
            "#foreach($i in $list)\n$i#if($foreach.hasNext),#end\n#end",
            r#"each i in <list> (<i> if <foreach.hasNext> (",") else ())"#,
        ),
    ] {
        assert_eq!(shown(template), want, "{template}");
    }
}

#[test]
fn what_is_not_emulated_or_broken_is_refused_with_its_line() {
    for (template, want) in [
        (
            "a\n#macro(x)#end",
            "line 2 of the mapping template: the directive `#macro` is not emulated",
        ),
        (
            "#stop",
            "line 1 of the mapping template: the directive `#stop` is not emulated",
        ),
        (
            "\n\n$a.frobnicate(1)",
            "line 3 of the mapping template: `frobnicate()` with 1 arguments is not emulated",
        ),
        (
            "$a.size(1)",
            "line 1 of the mapping template: `size()` with 1 arguments is not emulated",
        ),
        (
            "#set($a.b = 1)",
            "line 1 of the mapping template: `#set` of a part of a value is not emulated",
        ),
        (
            "#set($a 1)",
            "line 1 of the mapping template: `=` is missing here",
        ),
        (
            "#set($a = )",
            "line 1 of the mapping template: a value is missing here",
        ),
        (
            "#set($a = x)",
            "line 1 of the mapping template: `x` is no value",
        ),
        (
            "#if($a)x",
            "line 1 of the mapping template: an `#if` has no `#end`",
        ),
        (
            "#if($a)#else#else#end",
            "line 1 of the mapping template: `#else` must be the last",
        ),
        (
            "#foreach($a of $b)#end",
            "line 1 of the mapping template: `in` is missing here",
        ),
        (
            "#foreach($a in $b)#else#end",
            "line 1 of the mapping template: a `#foreach` has no `#end`",
        ),
        (
            "x\n#end",
            "line 2 of the mapping template: there is no `#if` before `#end`",
        ),
        (
            "#* x",
            "line 1 of the mapping template: a comment `#*` does not end",
        ),
        (
            "$a.path('x",
            "line 1 of the mapping template: a text in ' does not end",
        ),
        (
            "#set($a = 99999999999999999999)",
            "line 1 of the mapping template: `99999999999999999999` is no number",
        ),
    ] {
        assert_eq!(shown(template), want, "{template}");
    }
    let deep = format!("{}{}", "#if(1)".repeat(100), "#end".repeat(100));
    assert!(shown(&deep).ends_with("it is nested deeper than 32 levels"));
    let deep = format!("#set($a = {}1{})", "(".repeat(10_000), ")".repeat(10_000));
    assert!(shown(&deep).ends_with("it is nested deeper than 32 levels"));
    let deep = "$a[".repeat(10_000);
    assert!(MappingTemplate::parse(&deep).is_ok());
    let long = format!("#if({}1)#end", "1 + ".repeat(1000));
    assert!(shown(&long).ends_with("it has too many operators"));
}

proptest! {
    #[test]
    fn no_template_panics(template in "\\PC{0,60}|[$#!{}()\\[\\].,'\"\\\\a-f0-9= \\n|&<>+*-]{0,60}|(#(set|if|foreach|end|else)\\(?|\\$a|\\)|'|\"| in | = ){0,20}") {
        let _ = MappingTemplate::parse(&template);
    }

    /// Text without `$`, `#` and `\` stands for itself.
    #[test]
    fn text_stays_as_it_is(text in "[^$#\\\\]{1,60}") {
        let want = vec![Piece::Text(text.clone())];
        prop_assert_eq!(MappingTemplate::parse(&text).unwrap().0, want);
    }

    /// References say what they were written as, so that an undefined one prints itself.
    #[test]
    fn a_reference_knows_its_source(name in "[a-z]{1,5}", rest in "(\\.[a-z]{1,4}|\\[[0-9]\\]){0,3}", braces in any::<bool>()) {
        let source = match braces {
            true => format!("${{{name}{rest}}}"),
            false => format!("${name}{rest}"),
        };
        let template = MappingTemplate::parse(&source).unwrap();
        match template.pieces() {
            [Piece::Reference(reference)] => prop_assert_eq!(&reference.source, &source),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
