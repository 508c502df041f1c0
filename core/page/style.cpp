#include "core/page/style.h"

namespace peftlab::page {
namespace {

constexpr char kStyleSheet[] = R"CSS(
:root { color-scheme: light dark;
  --paper: #ffffff; --raised: #f3f5f8; --ink: #1b1f24; --soft: #525a64; --line: #c4cad2; --link: #0b57a4;
  --heat: #2f86d0;
  --s0: #0060a8; --s1: #c44e00; --s2: #007a5e; --s3: #a63d8f; --s4: #7a6200; --s5: #3c4148; --s6: #007f9e;
  --s7: #b0303a; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14171b; --raised: #1e2329; --ink: #e8ebee; --soft: #a9b2bc; --line: #454d57; --link: #7fbdff;
  --heat: #2f78bd;
  --s0: #5bb0ff; --s1: #ff9a4d; --s2: #3dd6ae; --s3: #f08bd6; --s4: #e0c341; --s5: #d9dde2; --s6: #63ddf5;
  --s7: #ff8a8f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif;
  overflow-wrap: anywhere; }
header, main, footer { max-width: 78rem; margin: 0 auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1.5rem 0 .5rem; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .5rem; padding-top: .5rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
p, ul { max-width: 46rem; margin: .5rem 0; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: .5rem; background: var(--paper); padding: .25rem .5rem; z-index: 2; }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1rem; max-width: none; }
.soft { color: var(--soft); }
.scroll { overflow-x: auto; width: fit-content; max-width: 100%; margin: .5rem 0; border: 1px solid var(--line);
  border-radius: .3rem; }
table { border-collapse: collapse; font-size: .875rem; overflow-wrap: normal; }
caption { text-align: left; padding: .4rem .6rem; color: var(--soft); }
caption span { display: inline-block; position: sticky; left: .6rem; max-width: min(46rem, calc(100vw - 4rem)); }
th, td { padding: .3rem .6rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { border-top: 0; background: var(--raised); white-space: nowrap; }
th[scope=row] { font-weight: 600; background: var(--paper); max-width: 14rem; overflow-wrap: break-word; }
@media (min-width: 44rem) { th[scope=row], thead th:first-child { position: sticky; left: 0; } }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.code { font-family: ui-monospace, monospace; font-size: .8125rem; overflow-wrap: anywhere; min-width: 8rem; }
.long { white-space: pre-wrap; unicode-bidi: plaintext; min-width: 14rem; max-width: 30rem; overflow-wrap: anywhere; }
.wrong::before { content: "\2717\00a0"; color: var(--s7); }
.right::before { content: "\2713\00a0"; color: var(--s2); }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1rem 1.5rem;
  align-items: start; }
figure { margin: 0; min-width: 0; }
figcaption { font-weight: 600; font-size: .9375rem; }
figure svg.plot { display: block; width: 100%; max-width: 34rem; height: auto; }
details { margin: .25rem 0; }
summary { cursor: pointer; color: var(--link); font-size: .875rem; }
svg text { font: 11px system-ui, sans-serif; fill: var(--ink); }
svg .soft { fill: var(--soft); }
svg .strong { font-weight: 700; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .frame { stroke: var(--soft); stroke-width: 1; fill: none; }
svg .reference { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 3 3; }
svg .front { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 5 4; fill: none; }
svg .series { stroke-width: 1.8; fill: none; }
svg .halo { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; }
svg .heat { fill: var(--heat); }
.h0 { color: var(--s0); } .h1 { color: var(--s1); } .h2 { color: var(--s2); } .h3 { color: var(--s3); }
.h4 { color: var(--s4); } .h5 { color: var(--s5); } .h6 { color: var(--s6); } .h7 { color: var(--s7); }
.legend { list-style: none; padding: 0; margin: .25rem 0 .75rem; display: flex; flex-wrap: wrap; gap: .1rem 1.1rem;
  font-size: .875rem; max-width: none; }
.legend li { display: flex; align-items: center; gap: .4rem; min-width: 0; }
.legend svg { flex: none; }
.legend span { color: var(--ink); }
footer { margin-top: 3rem; padding-bottom: 2rem; }
@media print { .scroll { overflow: visible; } }
)CSS";

}  // namespace

std::string_view style_sheet() { return kStyleSheet; }

Html style_element() { return Html::literal("<style>") + Html::literal(kStyleSheet) + Html::literal("</style>"); }

}  // namespace peftlab::page
