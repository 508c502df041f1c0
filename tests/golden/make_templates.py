"""Templates of our own and generated ones, as Python's jinja2 renders them in the environment that chat templates get.

    python make_templates.py                      writes templates/own.json and templates/generated.jsonl beside this file
    python make_templates.py --count 3000 --seed 7  prints other generated ones: one JSON object a line, {"template", "expected"}
                                                  or {"template", "error"}, after one line with the variables they see

Needs jinja2 alone.
"""
import argparse
import copy
import json
import pathlib
import random

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

VARIABLES = {
    "s": "Hello, Wörld", "e": "", "cjk": "臺北市 中正區\u3000八德路", "lines": "  one\n two  \n\nthree\t\n", "q": "it's \"so\"",
    "i": 7, "z": 0, "n": -3, "f": 2.5, "g": 1e21, "t": True, "o": None, "emoji": "a😀b\u00a0c\\d\n",
    "xs": [3, 1, 2, 1], "words": ["pear", "Apple", "fig", "äpfel"], "nested": [[1, [2, 3]], {"k": [None, True]}],
    "d": {"a": 1, "b": [1, 2], "items": "no", "c c": {"deep": "x"}}, "empty": [], "none_dict": {},
    "people": [{"name": "Ann", "age": 41, "tags": ["x"]}, {"name": "bob", "age": 7}, {"name": "Cid", "age": 41, "tags": []}],
    "messages": [{"role": "system", "content": " Be brief. "}, {"role": "user", "content": "hi\n"},
                 {"role": "assistant", "content": "<think>a</think>b", "tool_calls": [{"name": "f", "arguments": {"x": 1.0, "y": "é"}}]},
                 {"role": "user", "content": [{"type": "text", "text": "part"}]}],
}


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_keep"), [], [], body).set_lineno(line)

    def _keep(self, caller):
        return caller()


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    return env


def render(env, template):
    try:  # on a copy: the filter `indent` changes a list it is given
        return {"template": template, "expected": env.from_string(template).render(**copy.deepcopy(VARIABLES))}
    except Exception as error:  # whatever goes wrong there must go wrong here
        return {"template": template, "error": f"{type(error).__name__}: {error}"}


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *choices):
        return self.random.choice(choices)

    def atom(self):
        return self.pick(*VARIABLES, "missing", "true", "False", "none", "0", "1", "-2", "10", "3.0", "0.1", "1e-7", "'a'", "\"b\\n\"",
                         "' '", "''", "'路'", "'x' 'y'", "[]", "[1, 'a', none]", "(1,)", "()", "{'a': 1, 2: [3]}", "{}", "range(4)")

    def text(self):
        return self.pick("s", "e", "cjk", "lines", "q", "emoji", "'a,b,,c'", "'  pad '", "'xxyxx'", "words[1]", "d['items']",
                         "messages[1].content", "'TeSt one-two (three)'")

    def sequence(self):
        return self.pick("xs", "words", "nested", "people", "d", "empty", "range(5)", "cjk", "d.items()", "d.keys()", "messages",
                         "[1, 2.0, true]", "('a', 'b', 'a')", "people|map(attribute='name')")

    def expression(self, depth):
        if depth <= 0:
            return self.atom()
        x = lambda: self.expression(depth - 1)
        kind = self.random.randrange(16)
        if kind == 0:
            return f"({x()} {self.pick('+', '-', '*', '/', '//', '%', '**', '~')} {x()})"
        if kind == 1:
            return f"{x()} {self.pick('==', '!=', '<', '<=', '>', '>=', 'in', 'not in')} {x()}"
        if kind == 2:
            return f"({x()} {self.pick('and', 'or')} {self.pick('', 'not ')}{x()})"
        if kind == 3:
            return f"({x()} if {x()}{self.pick('', ' else ' + x())})"
        if kind == 4:
            return f"({x()}) is {self.pick('', 'not ')}" + self.pick(
                "defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "iterable", "sequence",
                "true", "false", "odd", "even", "divisibleby 3", "eq(1)", "in [1, 'a']", "gt 1", "le(2)", "callable", "upper", "lower")
        if kind == 5:
            return f"{self.sequence()}[{self.pick('0', '-1', '9', x())}]"
        if kind == 6:
            part = lambda: self.pick("", "", "1", "-1", "2", "-2", "10", "-10")
            return f"{self.pick(self.text(), 'xs', 'words', 'range(6)', '(1,2,3)')}[{part()}:{part()}{self.pick('', ':', ':-1', ':2', ':-2')}]"
        if kind == 7:
            return f"({self.text()}).{self.method()}"
        if kind in (8, 9):
            return f"({self.pick(self.text(), x())})|{self.text_filter()}"
        if kind in (10, 11):
            return f"({self.sequence()})|{self.sequence_filter()}"
        if kind == 12:
            return f"[{x()}, {x()}]"
        if kind == 13:
            return f"({self.pick('d', 'people[0]', 'messages[2]', x())}){self.pick('.a', '.name', '.items()', '.get(' + x() + ')', '.tool_calls', '.content', '[' + x() + ']')}"
        if kind == 14:
            return f"{x()}|tojson{self.pick('', '(indent=2)', '(ensure_ascii=true)', '(sort_keys=true)', '(separators=(chr, chr))'.replace('chr', repr(self.pick(',', ':', ' '))))}"
        return f"-{x()}"

    def method(self):
        t = self.text
        return self.pick("upper()", "lower()", "title()", "capitalize()", "strip()", "lstrip()", "rstrip()", "strip('x ')", "lstrip('Hx')",
                         "rstrip('\\n')", "split()", "split(',')", "split(' ', 1)", "rsplit(None, 1)", "rsplit(',', 1)", "splitlines()",
                         "splitlines(true)", f"startswith({t()})", "startswith(('H', 'x'))", "endswith('x')", f"find({t()})", "rfind('x')",
                         "replace('x', 'é')", "replace('', '-')", "replace('x', '', 2)", "count('x')", "isdigit()", "isspace()", "isalpha()",
                         "isupper()", "islower()", "isascii()", "join(words)", "join('abc')", "partition(' ')", "rpartition('x')",
                         "removeprefix('xx')", "removesuffix('xx')", "ljust(14)", "rjust(14, '*')", "index('zzz')", "nothing", "nothing()")

    def text_filter(self):
        return self.pick("upper", "lower", "title", "capitalize", "trim", "trim('x')", "length", "list", "first", "last", "string", "int",
                         "int(5)", "float", "default('D')", "default('D', true)", "d(1)", "replace('x', 'Z')", "replace('x', 'Z', 1)",
                         "indent", "indent(2, true)", "indent('> ', first=true, blank=true)", "reverse", "abs", "round", "round(1)",
                         "round(1, 'floor')", "round(method='ceil')", "safe", "count", "join('-')", "tojson", "items|list")

    def sequence_filter(self):
        return self.pick("length", "first", "last", "list", "join", "join(', ')", "join(', ', attribute='name')", "sort", "sort(reverse=true)",
                         "sort(attribute='name')", "sort(attribute='age,name')", "sort(case_sensitive=true)", "unique|list", "reverse|list",
                         "map('upper')|list", "map(attribute='name')|list", "map(attribute='tags', default='-')|join('/')",
                         "map(attribute='tags.0')|join('/')", "select|list", "select('odd')|list", "select('gt', 1)|list", "reject('none')|list",
                         "selectattr('tags')|list|length", "selectattr('age', 'equalto', 41)|map(attribute='name')|list",
                         "selectattr('role', '==', 'user')|list", "rejectattr('age', 'lt', 10)|map(attribute='name')|join", "sum", "min", "max",
                         "max(attribute='age')", "dictsort", "dictsort(by='value')", "dictsort(reverse=true)", "items|list", "batch(2)|list",
                         "batch(2, 0)|list", "tojson", "string", "map('default', 'x')|list", "map('trim')|join('|')", "reverse|first")

    def statement(self, depth):
        x = lambda: self.expression(1)
        inner = lambda: self.body(depth - 1)
        dash = lambda: self.pick("", "", "-", "+")
        space = self.pick("", " ", "\n", "\n  ", "  \n")
        kind = self.random.randrange(11) if depth > 0 else 0
        if kind <= 1:
            return f"{space}{{{{{self.pick('', '-')} {x()} {self.pick('', '-')}}}}}{space}"
        if kind == 2:
            return f"{space}{{%{dash()} if {x()} {dash()}%}}{inner()}{{%{dash()} elif {x()} %}}{inner()}{{% else {dash()}%}}{inner()}{{% endif {dash()}%}}"
        if kind == 3:
            loop = self.pick("loop.index", "loop.index0", "loop.first", "loop.last", "loop.length", "loop.revindex", "loop.previtem", "loop.cycle('a', 'b')", "v")
            test = self.pick("", "", f" if {self.pick('v', 'v is string', 'not v')}")
            stop = self.pick("", "", "{% if v == 1 %}{% break %}{% endif %}", "{% if v is string %}{% continue %}{% endif %}")
            return f"{space}{{%{dash()} for v in {self.sequence()}{test} %}}{stop}{{{{ {loop} }}}};{inner()}{{%- else %}}none{{% endfor {dash()}%}}"
        if kind == 4:
            return f"{{% set v{self.pick('', ', w')} = {x()}{self.pick('', ', ' + x())} %}}{{{{ v }}}}"
        if kind == 5:
            return f"{{% set v {self.pick('', '| trim ', '| upper')} %}}{inner()}{{% endset %}}[{{{{ v }}}}]"
        if kind == 6:
            return (f"{{% macro m(a, b={x()}) {dash()}%}}{{{{ a }}}}:{{{{ b }}}}{self.pick('', '{{ varargs }}', '{{ kwargs }}', '{{ caller() }}')}{{% endmacro %}}"
                    f"{{{{ m({self.pick('', x(), x() + ', ' + x(), 'b=' + x(), '1, 2, 3', 'c=4')}) }}}}{{% call m(1) %}}in{{% endcall %}}")
        if kind == 7:
            return f"{{% set ns = namespace(a={x()}) %}}{{% for v in {self.sequence()} %}}{{% set ns.a = v %}}{{% endfor %}}{{{{ ns.a }}}}{{{{ ns.zz }}}}"
        if kind == 8:
            return f"{space}{{#{dash()} note {dash()}#}}{space}{{% raw %}} {{{{ x }}}} {{% endraw {dash()}%}}{space}"
        if kind == 9:
            return f"{{% with v = {x()}, w = v %}}{{{{ v }}}}{{{{ w }}}}{{% endwith %}}{{% filter upper %}}a{inner()}{{% endfilter %}}"
        return f"{space}{{%{dash()} generation {dash()}%}}{inner()}{{%{dash()} endgeneration {dash()}%}}{space}"

    def body(self, depth):
        return "".join(self.pick("a", " b\n", "\n", "{", "", "路\r\n") + self.statement(depth) for _ in range(self.random.randrange(1, 3)))

    def template(self):
        if self.random.random() < 0.7:
            return "{{ " + self.expression(self.random.randrange(1, 4)) + " }}"
        return self.body(2)


OWN = {
    "roles": "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' }}{% if message.content is string %}{{ message.content | trim }}"
             "{% else %}{% for part in message.content if part.type == 'text' %}{{ part.text }}{% endfor %}{% endif %}{{ eos_token }}\n{% endfor %}"
             "{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
    "last user": "{%- set ns = namespace(last=-1) -%}\n{%- for m in messages[::-1] -%}\n    {%- if m.role == 'user' and ns.last < 0 -%}\n"
                 "        {%- set ns.last = messages|length - 1 - loop.index0 -%}\n    {%- endif -%}\n{%- endfor -%}\n{{- ns.last }}",
    "tools": "{%- macro describe(tool, indent=0) -%}\n{{ ' ' * indent }}{{ tool.name }}({% for k, v in tool.arguments.items() %}{{ k }}={{ v | tojson }}"
             "{% if not loop.last %}, {% endif %}{% endfor %})\n{%- endmacro -%}\n{% for m in messages if m.tool_calls %}"
             "{% for call in m.tool_calls %}{{ describe(call, 2) }}{% endfor %}{% endfor %}",
    "thinking": "{% for m in messages %}{% if m.role == 'assistant' %}{% set text = m.content.split('</think>')[-1].lstrip('\\n') %}{{ text }}|"
                "{{ m.content.split('</think>')[0].rstrip('\\n').split('<think>')[-1] }}{% endif %}{% endfor %}",
    "refusal": "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}",
    "white space": "  {% if true %}\n  a\n  {%- endif %}\n\n  b {%+ if true %}\n c {% endif +%}\n{# x #}\n  {#- y -#}  \n d\n",
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int)
    options = parser.parse_args()
    env, maker = environment(), Maker(options.seed)
    generated = [render(env, maker.template()) for _ in range(options.count or 500)]
    dump = lambda value, **more: json.dumps(value, ensure_ascii=False, **more)
    lines = [dump(VARIABLES)] + [dump(row) for row in generated]
    if options.count:
        print("\n".join(lines))
        return
    folder = pathlib.Path(__file__).parent / "templates"
    # Addresses of objects differ from run to run.
    (folder / "generated.jsonl").write_text("\n".join(line for line in lines if " at 0x" not in line) + "\n")
    own = {name: render(env, template) for name, template in OWN.items()}
    (folder / "own.json").write_text(dump({"variables": VARIABLES, "cases": own}, indent=1) + "\n")


if __name__ == "__main__":
    main()
