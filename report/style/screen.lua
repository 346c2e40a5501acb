-- For the HTML page: a second drawing of each figure for narrow screens, and tables that scroll inside the page.

local function narrow(image)
  local other = image:clone()
  other.src = image.src:gsub("%.svg$", ".narrow.svg")
  other.classes = {"narrow"}
  image.classes = {"wide"}
  return {image, other}
end

local function scrolled(tbl)
  local parts = {}
  if #tbl.caption.long > 0 then
    parts[1] = pandoc.Div(tbl.caption.long, {class = "caption"})
    tbl.caption = {long = {}}
  end
  local id = tbl.identifier
  tbl.identifier = ""
  parts[#parts + 1] = pandoc.Div({tbl}, {class = "scroll"})
  return pandoc.Div(parts, {id = id, class = "table"})
end

function Pandoc(doc)
  return doc:walk {
    traverse = "topdown",
    Div = function(div)
      if div.classes:includes("keys") then return div, false end
    end,
    Figure = function(figure)
      figure.content = figure.content:walk {Image = narrow}
      return figure, false
    end,
    Table = function(tbl) return scrolled(tbl), false end,
  }
end
