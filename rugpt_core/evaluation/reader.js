'use strict';
const data = JSON.parse(document.getElementById('data').textContent), by = id => document.getElementById(id);
const words = data.words, root = document.documentElement;
let at = 0, lang = /^ru/i.test(navigator.language) ? 'ru' : 'en';
const say = x => typeof x === 'string' ? x : x[lang];
const number = s => lang === 'ru' ? s.replace(/(\d)\.(\d)/g, '$1,$2').replace(' to ', ' … ') : s;
for (const s of data.sets) { s.texts.forEach(t => t.chars = Array.from(t.text)); by('set').add(new Option(s.name, s.name)); }
by('set').value = (data.sets.find(s => s.kind === 'model') || data.sets[0] || {name: ''}).name;
const chosen = () => { const s = data.sets.find(s => s.name === by('set').value), k = by('only').value;
  return s ? s.texts.filter(t => !k || t.marks.some(m => m[2] === k)) : []; };
const piece = (t, a, b) => t.chars.slice(a, b).join(''); // places are counted in characters, not in units of UTF-16
function body(t) {
  const box = document.createElement('div'); box.className = 'body';
  const p = document.createElement('span'); p.className = 'prompt'; p.textContent = t.prompt; box.append(p);
  const cuts = [...new Set([0, t.chars.length, ...t.marks.flatMap(m => [m[0], m[1]])])].sort((a, b) => a - b);
  for (let i = 0; i + 1 < cuts.length; i++) {
    const here = t.marks.filter(m => m[0] <= cuts[i] && m[1] >= cuts[i + 1]), text = piece(t, cuts[i], cuts[i + 1]);
    if (!here.length) { box.append(text); continue; }
    const e = document.createElement('mark'); e.className = [...new Set(here.map(m => m[2]))].join(' ');
    e.title = here.map(m => say(m[3])).filter(Boolean).join(' | '); e.textContent = text; box.append(e);
    if (here.some(m => m[2] === 'loop' && m[0] === cuts[i])) e.classList.add('turn');
  }
  return box;
}
function card(name, t) {
  const a = document.createElement('article'), h = document.createElement('h3');
  h.textContent = name + (t.topic ? ', ' + t.topic : ''); a.append(h, body(t));
  const notes = t.marks.filter(m => m[2] !== 'supported' && say(m[3]));
  if (notes.length) { const ol = document.createElement('ol'); ol.className = 'notes';
    for (const m of notes) { const li = document.createElement('li');
      const s = piece(t, m[0], m[1]).trim(); li.textContent = (s.length > 90 ? s.slice(0, 88) + '…' : s) + ': ' + say(m[3]); ol.append(li); }
    a.append(ol); }
  return a;
}
function show() {
  const list = chosen(); at = Math.min(Math.max(at, 0), Math.max(list.length - 1, 0));
  by('count').textContent = list.length ? (at + 1) + say(words.of) + list.length : say(words.none);
  const box = by('texts'); box.replaceChildren(); if (!list.length) return;
  const t = list[at], human = data.sets.find(s => s.kind === 'human');
  box.append(card(by('set').value, t));
  const twin = human && human.name !== by('set').value && human.texts.find(h => h.opening === t.opening);
  if (twin) box.append(card(say(words.people), twin));
}
function speak(chosen) {
  lang = chosen; root.lang = root.dataset.lang = by('lang').value = lang; document.title = say(words.title);
  for (const o of by('only').options) o.textContent = o.dataset[lang];
  for (const c of document.querySelectorAll('td[data-cell]')) c.textContent = number(c.dataset.cell);
  by('back').setAttribute('aria-label', say(words.back)); by('next').setAttribute('aria-label', say(words.next)); show();
}
const go = n => { at += n; show(); };
by('next').onclick = () => go(1); by('back').onclick = () => go(-1); by('lang').onchange = e => speak(e.target.value);
by('set').onchange = by('only').onchange = () => { at = 0; show(); };
addEventListener('keydown', e => { if (e.target.tagName === 'SELECT') return;
  if (e.key === 'ArrowRight') go(1); else if (e.key === 'ArrowLeft') go(-1); });
speak(lang);
