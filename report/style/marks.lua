-- Marks of a model's text ([so]{.loop}) and links to claims: classes on the screen, functions of report.typ on paper.

local function wrapped(name, content)
  local out = pandoc.List({pandoc.RawInline("typst", "#" .. name .. "[")})
  out:extend(content)
  out:insert(pandoc.RawInline("typst", "]"))
  return out
end

function Span(span)
  if FORMAT ~= "typst" then return nil end
  for _, kind in ipairs({"loop", "copy", "unsupported"}) do
    if span.classes:includes(kind) then return wrapped("mark-" .. kind, span.content) end
  end
end

function Link(link)
  if FORMAT == "typst" and link.classes:includes("claim") then return wrapped("claim", {link}) end
end
